import { readFile, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { IdentityError } from '../../errors/index.js';
import { pathError, readSmallFile } from '../../system/small-files/index.js';

/** Where it is told that the files have been switched. */
export type NoticeTarget =
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals; readonly pidFile: string }
  | { readonly kind: 'socket'; readonly path: string };

/** What is told on a socket. */
export interface Notice {
  /** The output directory. */
  readonly path: string;
  readonly serial: string;
}

const CODE = 'ERR_OUTPUT_NOTICE_FAILED';

/** A process id has at most seven digits. (proc(5), "pid_max") */
const PID = /^[1-9]\d{0,6}\n?$/;
const MAX_PID_FILE_BYTES = 64;

const WRITABLE_BY_OTHERS = 0o022;

/** A listener has to take a line and need not answer. */
const SOCKET_TIMEOUT_MS = 2000;

/** How a target is called in the log and the status, as it was configured. */
export function targetText(target: NoticeTarget): string {
  return target.kind === 'signal' ? `${target.signal}:${target.pidFile}` : `unix:${target.path}`;
}

/**
 * Tells one target. Runs no program.
 * @throws IdentityError `ERR_OUTPUT_NOTICE_FAILED`, which says what was in the way.
 */
export function sendNotice(target: NoticeTarget, notice: Notice): Promise<void> {
  return target.kind === 'signal' ? signalProcess(target) : writeLine(target.path, notice);
}

async function signalProcess({ signal, pidFile }: Extract<NoticeTarget, { kind: 'signal' }>): Promise<void> {
  const pid = await readPid(pidFile);
  const what = `process ${pid} of pid file ${pidFile}`;
  const [uid, ownUid] = [await realUid(pid, what), process.geteuid?.()];
  // The kernel would let root signal any process: a wrong pid file must not end one of another user.
  if (uid !== ownUid) throw failure(`${what}: got uid ${uid}, expected uid ${ownUid}, which is the agent's`);
  if (pid === process.pid) throw failure(`${what}: got the agent itself, expected the process that reads the files`);
  try {
    process.kill(pid, signal);
  } catch (error) {
    throw pathError(CODE, what, error, `a process that takes ${signal}`);
  }
}

/** Of a file that no other user could have written: its writer says which process gets the signal. */
async function readPid(pidFile: string): Promise<number> {
  const what = `pid file ${pidFile}`;
  const { content, mode } = await readSmallFile(pidFile, { what, code: CODE, maxBytes: MAX_PID_FILE_BYTES });
  const { uid } = await stat(pidFile).catch((error: unknown) => {
    throw pathError(CODE, what, error, 'a readable file');
  });
  const ownUid = process.geteuid?.();
  if (uid !== 0 && uid !== ownUid)
    throw failure(`${what}: got a file of uid ${uid}, expected one of uid ${ownUid} or 0`);
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    throw failure(`${what}: got mode ${mode.toString(8)}, expected one that only its owner can write`);
  }
  const text = content.toString('latin1');
  if (!PID.test(text)) throw failure(`${what}: got ${JSON.stringify(text)}, expected one process id and nothing else`);
  return Number(text);
}

/** The first number of `Uid:`. The owner of /proc/PID is another one for a process that forbids tracing. (proc(5)) */
async function realUid(pid: number, what: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch((error: unknown) => {
    throw pathError(CODE, what, error, 'a process that is running');
  });
  return Number(/^Uid:\s*(\d+)/m.exec(status)?.[1]);
}

/** One line of JSON on a connection of its own. */
function writeLine(path: string, { path: directory, serial }: Notice): Promise<void> {
  return new Promise((resolve, reject) => {
    const what = `notice on socket ${path}`;
    const connection = createConnection({ path });
    connection.setTimeout(SOCKET_TIMEOUT_MS, () => {
      connection.destroy(failure(`${what}: got no room for a line in ${SOCKET_TIMEOUT_MS} ms, expected a reader`));
    });
    connection.on('error', (error) => reject(pathError(CODE, what, error, 'a Unix stream socket that is listened on')));
    connection.on('connect', () => {
      connection.write(`${JSON.stringify({ event: 'svid_files_switched', path: directory, serial })}\n`, (error) => {
        if (error === undefined || error === null) {
          resolve();
          connection.destroySoon();
        }
      });
    });
    // What the listener says is not read.
    connection.resume();
  });
}

function failure(message: string): IdentityError {
  return new IdentityError(CODE, message);
}
