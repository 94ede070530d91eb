import { readdirSync, readFileSync } from 'node:fs';

/** Processes that `parent` has started, by a part of their command lines. */
export function childrenNamed(part: string, parent = process.pid): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    const { parentPid, isZombie } = statusOf(pid) ?? {};
    return parentPid === parent && isZombie === false && commandLineOf(pid).includes(part);
  });
}

/** A zombie does not. */
export function isRunning(pid: number): boolean {
  return statusOf(pid)?.isZombie === false;
}

/** `undefined`: there is no such process. (proc(5), /proc/pid/stat) */
function statusOf(pid: number): { readonly parentPid: number; readonly isZombie: boolean } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [, state, parent] = stat.slice(stat.lastIndexOf(')')).split(' ');
    return { parentPid: Number(parent), isZombie: state === 'Z' };
  } catch {
    return undefined;
  }
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
