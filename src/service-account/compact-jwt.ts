/**
 * Base64url without padding, not empty, in canonical form: the bits that the last character has beyond the last octet
 * are zero. Decoders ignore those bits, so that without this rule one signature has up to sixteen spellings, and each is
 * another token to all who know tokens by their hash. (RFC 7515 §2; RFC 4648 §3.5)
 */
const PART = '(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{4}|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048]|[A-Za-z0-9_-][AQgw])';

/** The signature may not be empty: an unsecured JWT is no credential. (RFC 7515 §7.1) */
const COMPACT_JWS = new RegExp(`^(${PART})\\.(${PART})\\.(${PART})$`);

/** A JWT in its parts, each in base64url. Nothing of it has been verified or decoded. */
export interface CompactJwt {
  readonly header: string;
  readonly payload: string;
  readonly signature: string;
  /** What the signature is of. */
  readonly signedText: string;
}

/** The parts of a JWT in compact form; `undefined` when `token` is not three parts in canonical base64url. */
export function splitCompactJwt(token: string): CompactJwt | undefined {
  const [, header, payload, signature] = COMPACT_JWS.exec(token) ?? [];
  if (header === undefined || payload === undefined || signature === undefined) return undefined;
  return { header, payload, signature, signedText: token.slice(0, token.length - signature.length - 1) };
}
