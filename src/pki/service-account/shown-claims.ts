import { clipped } from '../../text/index.js';
import { readClaims } from './claims.js';
import { splitCompactJwt } from './compact-jwt.js';
import { numericDateMs } from './numeric-date.js';
import { MAX_TOKEN_BYTES } from './service-account-token.js';
import { workloadClaims } from './workload-claims.js';

/** What a token says of itself, unverified, for the people who compare it with what a CA accepts. */
export interface ShownClaims {
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  /** `kubernetes.io/pod/name`. */
  readonly podName: string | undefined;
  readonly audiences: readonly string[];
  /** Epoch milliseconds; `undefined` when it does not end, or says so in a way that is none. */
  readonly expiresAtMs: number | undefined;
}

const MAX_CHARS = 200;
const MAX_AUDIENCES = 8;

/** Never the text of the token; `undefined` of what is no JWT. Each claim is clipped, as it may be anything. */
export function shownClaims(token: Buffer): ShownClaims | undefined {
  const payload = splitCompactJwt(token.toString('latin1'))?.payload;
  const claims = payload === undefined ? undefined : readClaims(payload);
  if (claims === undefined) return undefined;
  const { iss, sub, aud, exp } = claims;
  return {
    issuer: textOf(iss),
    subject: textOf(sub),
    podName: textOf(workloadClaims(claims).podName),
    audiences: [aud]
      .flat()
      .flatMap((one) => textOf(one) ?? [])
      .slice(0, MAX_AUDIENCES),
    expiresAtMs: exp === undefined ? undefined : numericDateMs(exp),
  };
}

/** The same of a request, by its `authorization`: for the line that tells why it was refused. */
export function claimsOfBearer([value = '']: readonly string[]): ShownClaims | undefined {
  if (value.length > MAX_TOKEN_BYTES) return undefined;
  return shownClaims(Buffer.from(value.slice(value.indexOf(' ') + 1), 'latin1'));
}

/** The claims on one line, in the words of `sidecert doctor`. */
export function claimsText({ issuer, subject, audiences, expiresAtMs }: ShownClaims): string {
  const end = expiresAtMs === undefined ? 'without end' : `expires ${new Date(expiresAtMs).toISOString()}`;
  return `iss ${issuer ?? 'missing'}, sub ${subject ?? 'missing'}, aud ${audiences.join(' ') || 'missing'}, ${end}`;
}

function textOf(claim: unknown): string | undefined {
  return typeof claim === 'string' ? clipped(claim, MAX_CHARS) : undefined;
}
