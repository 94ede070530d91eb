import { IdentityError } from '../../errors/index.js';
import { malformedToken, quoted, readClaims, splitCompactJwt, throwIfTooLong } from '../service-account/index.js';
import { TOKEN_ALGORITHMS } from './verification-keys.js';

/** A JWT in its parts. Nothing of it has been verified. */
export interface SignedToken {
  readonly alg: string;
  readonly kid: string | undefined;
  /** What the signature is of. */
  readonly signedText: string;
  /** The claims, in base64url. */
  readonly payload: string;
  readonly signature: Buffer;
}

/**
 * Takes a JWT apart.
 * @throws IdentityError `ERR_TOKEN_MALFORMED`; `ERR_TOKEN_REFUSED`: an algorithm that is none of ours. Neither quotes
 * the token.
 */
export function parseSignedToken(token: string): SignedToken {
  throwIfTooLong(token);
  const header = readClaims(token.slice(0, Math.max(0, token.indexOf('.'))));
  if (header === undefined) throw malformedToken('got no header that parses, expected a JWT in compact form');
  const { alg, kid, crit } = header;
  if (typeof alg !== 'string' || !TOKEN_ALGORITHMS.includes(alg)) {
    throw refused(`algorithm: got ${quoted(alg)}, expected one of ${TOKEN_ALGORITHMS.join(', ')}`);
  }
  // We know none of the headers that must be understood, so each is one too many. (RFC 7515 §4.1.11)
  if (crit !== undefined) throw malformedToken(`got the critical headers ${quoted(crit)}, expected none`);
  const parts = splitCompactJwt(token);
  if (parts === undefined) throw malformedToken('got no three canonical base64url parts');
  return {
    alg,
    // Kubernetes before 1.16 wrote an empty text where it had none.
    kid: typeof kid === 'string' && kid !== '' ? kid : undefined,
    signedText: parts.signedText,
    payload: parts.payload,
    signature: Buffer.from(parts.signature, 'base64url'),
  };
}

export function refused(detail: string, cause?: unknown): IdentityError {
  return new IdentityError('ERR_TOKEN_REFUSED', `token ${detail}`, { cause });
}
