import { clipped } from '../../text/index.js';
import { askLocally, type LocalTarget, targetText } from '../local-http.js';
import { type StatusFailure, unreached } from './ask-status.js';

export type LogLevelReply = { readonly kind: 'changed'; readonly text: string } | StatusFailure;

const MAX_ANSWER_BYTES = 4096;

const ADVICE: Readonly<Record<number, string>> = {
  403: 'run this as the user of the process, or as root, on the same machine or in the same container',
  404: 'is it an older sidecert, or another program?',
  405: 'it is an older sidecert, which starts with --log-level alone',
};

/** Asks a process to change the least level that it logs. Resolves in any case, within `timeoutMs`. */
export async function askLogLevel(
  target: LocalTarget,
  { level, forMs }: { readonly level: string; readonly forMs: number | undefined },
  timeoutMs: number,
): Promise<LogLevelReply> {
  const where = targetText(target);
  const path = `/log-level/${level}${forMs === undefined ? '' : `?seconds=${Math.round(forMs / 1000)}`}`;
  try {
    const { status, body } = await askLocally(target, path, { method: 'PUT', timeoutMs, maxBytes: MAX_ANSWER_BYTES });
    const text = clipped(body.toString('utf8').trim(), 200);
    if (status === 200) return { kind: 'changed', text };
    return {
      kind: 'failed',
      reason: `${where}: got HTTP status ${status}, ${JSON.stringify(text)}`,
      advice: ADVICE[status] ?? 'expected a --status-address of sidecert agent, citadel or injector',
      symptom: 'status-unreachable',
    };
  } catch (error) {
    return unreached(target, where, error as NodeJS.ErrnoException, timeoutMs);
  }
}
