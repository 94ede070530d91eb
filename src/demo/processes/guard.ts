import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads `+ PID`, `- PID` and `end` from its input. When the input ends without an `end`, the process at the other side
 * has died: it then ends all processes that it knows of (TERM, after five seconds KILL) and removes the directory `$1`.
 */
const SCRIPT = `
pids=" "
while read -r word pid; do
  case "$word" in
    +) pids="$pids$pid " ;;
    -) pids=$(echo "$pids" | sed "s/ $pid / /") ;;
    end) exit 0 ;;
  esac
done
alive() { for pid in $pids; do kill -0 "$pid" 2>/dev/null && return 0; done; return 1; }
for pid in $pids; do kill -TERM "$pid" 2>/dev/null; done
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do alive || break; sleep 0.2; done
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
rm -rf -- "$1"
`;

/**
 * Sees to it that nothing outlives the demo, not even when the demo is killed with SIGKILL: an Envoy cannot be told to
 * end with its parent, so a shell process in a session of its own waits at the other end of a pipe.
 */
export class Guard {
  private readonly shell: ChildProcess;

  constructor(directory: string) {
    this.shell = spawn('/bin/sh', ['-c', SCRIPT, 'sidecert-demo-guard', directory], {
      // `/` so that it holds no directory; a session of its own so that Ctrl-C and a closed terminal do not reach it.
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // Without a shell the demo still ends its processes itself when it is asked to.
    this.shell.on('error', () => {});
    this.shell.stdin?.on('error', () => {});
    this.shell.unref();
  }

  watch(pid: number): void {
    this.tell(`+ ${pid}`);
  }

  forget(pid: number): void {
    this.tell(`- ${pid}`);
  }

  /** All has been ended: the guard is not needed any more. */
  dismiss(): void {
    this.tell('end');
    this.shell.stdin?.end();
  }

  private tell(line: string): void {
    if (this.shell.stdin?.writable) this.shell.stdin.write(`${line}\n`);
  }
}
