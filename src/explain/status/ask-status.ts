import { lstatSync } from 'node:fs';
import type { SymptomId } from '../../symptoms/index.js';
import { clipped, parseBoundedJson } from '../../text/index.js';
import { askLocally, type LocalTarget, targetText } from '../local-http.js';

export type StatusReply =
  /** `document` is what `/status` holds, as far as it is known to be from sidecert. */
  { readonly kind: 'answered'; readonly document: Readonly<Record<string, unknown>> } | StatusFailure;

/** `reason` says what was met, `advice` what to do. */
export interface StatusFailure {
  readonly kind: 'failed';
  readonly reason: string;
  readonly advice: string;
  readonly symptom: SymptomId;
}

/** An agent shows 500 identities at most, each below 2 kB, 100 of them with chains of 1 to 8 kB. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** The page has eight levels, 500 identities of thirty members, and 100 Envoys of a few names. */
const BOUNDS = { maxDepth: 16, maxParts: 200_000 };

/** What is told of another program's answer. */
const MAX_SHOWN_CHARS = 80;

/** Reads `/status` once. Resolves in any case, within `timeoutMs`. */
export async function askStatus(target: LocalTarget, timeoutMs: number): Promise<StatusReply> {
  const where = targetText(target);
  try {
    const { status, body } = await askLocally(target, '/status', { timeoutMs, maxBytes: MAX_ANSWER_BYTES });
    return readReply(where, status, body);
  } catch (error) {
    return unreached(target, where, error as NodeJS.ErrnoException, timeoutMs);
  }
}

const NOT_OURS = 'expected a --status-address of sidecert agent, citadel or injector: compare it with their settings';

function readReply(where: string, status: number, body: Buffer): StatusReply {
  const other = (what: string): StatusReply => ({
    kind: 'failed',
    reason: `${where}: got ${what}, from a process that is not sidecert`,
    advice: NOT_OURS,
    symptom: 'status-unreachable',
  });
  if (status !== 200) return other(`HTTP status ${status}`);
  let document: unknown;
  try {
    document = parseBoundedJson(body, BOUNDS);
  } catch {
    return other(`${JSON.stringify(clipped(body.toString('latin1', 0, 2 * MAX_SHOWN_CHARS), MAX_SHOWN_CHARS))}`);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    return other('JSON without members');
  const isOurs = ['version', 'hot_path'].every((name) => Object.hasOwn(document, name));
  if (!isOurs) return other('JSON without version and hot_path');
  return { kind: 'answered', document: document as Record<string, unknown> };
}

/** What an error of a request says of the process that was asked, and what to do. */
export function unreached(
  target: LocalTarget,
  where: string,
  error: NodeJS.ErrnoException,
  timeoutMs: number,
): StatusFailure {
  const failed = (what: string, advice: string): StatusFailure => ({
    kind: 'failed',
    reason: `${where}: ${what}`,
    advice,
    symptom: code === 'EACCES' || code === 'EPERM' ? 'status-locked' : 'status-unreachable',
  });
  const { code = '' } = error;
  const path = 'socketPath' in target ? target.socketPath : undefined;
  if (error.name === 'AbortError' || error.name === 'TimeoutError') {
    return failed(
      `got no answer within ${timeoutMs / 1000} s`,
      'the process is stopped or overloaded, or waits for another protocol: look at its CPU and its log',
    );
  }
  if (code.startsWith('HPE_') || code === 'ECONNRESET' || code === 'EPIPE') {
    return failed(
      'got an answer that is not HTTP/1.1',
      `the SDS socket (--socket) and ports of TLS speak something else; ${NOT_OURS}`,
    );
  }
  if (code === 'ENOENT') {
    return failed(
      'ENOENT, there is no such socket',
      'start the process with this --status-address, or compare the path; in a container, the directory must be mounted',
    );
  }
  if (code === 'ECONNREFUSED' && path !== undefined && !isSocket(path)) {
    return failed('got a file that is not a socket', NOT_OURS);
  }
  if (code === 'ECONNREFUSED') {
    const what = path === undefined ? 'no process listens there' : 'the process that made this socket has ended';
    return failed(
      `ECONNREFUSED, ${what}`,
      'start it with this --status-address, or look into its log for why it ended',
    );
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return failed(
      `${code}, permission denied`,
      'the socket has mode 0660: run this as its user or in its group, and let them enter its directory',
    );
  }
  return failed(clipped(error.message, 2 * MAX_SHOWN_CHARS), NOT_OURS);
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    return true;
  }
}
