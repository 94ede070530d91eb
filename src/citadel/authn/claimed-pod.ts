import { readClaims, splitCompactJwt, workloadClaims } from '../../pki/service-account/index.js';

/** What a token says of its pod and its account, unverified. */
export interface ClaimedPod {
  readonly podUid: string | undefined;
  /** The path of its SPIFFE ID: `/ns/NAMESPACE/sa/NAME`. */
  readonly path: string;
}

/** Longer than any token that is accepted. */
const MAX_BEARER_CHARS = 32 * 1024;

/** Of a request, by its `authorization`; `undefined` of what is no JWT. Never a proof of anything. */
export function claimedPod([authorization = '']: readonly string[]): ClaimedPod | undefined {
  if (authorization.length > MAX_BEARER_CHARS) return undefined;
  const payload = splitCompactJwt(authorization.slice(authorization.indexOf(' ') + 1))?.payload;
  const claims = payload === undefined ? undefined : readClaims(payload);
  if (claims === undefined) return undefined;
  const { subject, podUid } = workloadClaims(claims);
  const [, , namespace, account] = typeof subject === 'string' ? subject.split(':') : [];
  return { podUid: typeof podUid === 'string' ? podUid : undefined, path: `/ns/${namespace}/sa/${account}` };
}
