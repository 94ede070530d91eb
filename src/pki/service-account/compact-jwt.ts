/** Three parts; the signature may not be empty: an unsecured JWT is no credential. (RFC 7515 §7.1) */
const COMPACT_JWS = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

/** The last characters whose unused bits are zero: four of them behind one octet, two behind two. (RFC 4648 §3.5) */
const ENDS_OF_ONE_OCTET = 'AQgw';
const ENDS_OF_TWO_OCTETS = 'AEIMQUYcgkosw048';

/** A JWT in its parts, each in base64url. Nothing of it has been verified or decoded. */
export interface CompactJwt {
  readonly header: string;
  readonly payload: string;
  readonly signature: string;
  /** What the signature is of. */
  readonly signedText: string;
}

/**
 * The parts of a JWT in compact form; `undefined` when `token` is not three parts in canonical base64url. Decoders
 * ignore the bits that the last character has beyond the last octet, so that without this rule one signature has up to
 * sixteen spellings, and each is another token to all who know tokens by their hash. (RFC 7515 §2; RFC 4648 §3.5)
 */
export function splitCompactJwt(token: string): CompactJwt | undefined {
  const [, header, payload, signature] = COMPACT_JWS.exec(token) ?? [];
  if (header === undefined || payload === undefined || signature === undefined) return undefined;
  if (!isCanonical(header) || !isCanonical(payload) || !isCanonical(signature)) return undefined;
  return { header, payload, signature, signedText: token.slice(0, token.length - signature.length - 1) };
}

/** Of a text that has characters of base64url only. */
function isCanonical(part: string): boolean {
  const last = part.charAt(part.length - 1);
  switch (part.length % 4) {
    case 0:
      return true;
    case 2:
      return ENDS_OF_ONE_OCTET.includes(last);
    case 3:
      return ENDS_OF_TWO_OCTETS.includes(last);
    default:
      return false;
  }
}
