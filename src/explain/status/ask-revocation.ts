import { clipped } from '../../text/index.js';
import { askLocally, type LocalTarget, targetText } from '../local-http.js';
import { type StatusFailure, unreached } from './ask-status.js';

/** As the page of a Citadel tells it. */
export interface RevokedCertificate {
  /** Hex. */
  readonly serial: string;
  readonly spiffe_id?: string;
  /** RFC 3339. */
  readonly not_after: string;
}

export type RevocationReply =
  | { readonly kind: 'answered'; readonly certificates: readonly RevokedCertificate[] }
  | StatusFailure;

/** 10 000 certificates with their names. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

const ADVICE: Readonly<Record<number, string>> = {
  403: 'run this as the user of the Citadel, or as root, on the same machine or in the same container',
  404: 'expected the --status-address of a sidecert citadel',
  405: 'it is an older sidecert, which revokes nothing',
  409: 'nothing was revoked',
};

/** Asks a Citadel to revoke what `query` says. Resolves in any case, within `timeoutMs`. */
export async function askRevocation(
  target: LocalTarget,
  query: URLSearchParams,
  timeoutMs: number,
): Promise<RevocationReply> {
  const where = targetText(target);
  const asking = { method: 'PUT', timeoutMs, maxBytes: MAX_ANSWER_BYTES } as const;
  try {
    const { status, body } = await askLocally(target, `/revocations?${query}`, asking);
    const text = body.toString('utf8').trim();
    if (status === 200) return { kind: 'answered', certificates: JSON.parse(text).certificates };
    return {
      kind: 'failed',
      reason: `${where}: ${status === 409 ? text : `got HTTP status ${status}, ${JSON.stringify(clipped(text, 200))}`}`,
      advice: ADVICE[status] ?? 'expected the --status-address of a sidecert citadel',
      symptom: 'status-unreachable',
    };
  } catch (error) {
    return unreached(target, where, error as NodeJS.ErrnoException, timeoutMs);
  }
}
