import { BASE64URL, CharacterSet } from './character-set.js';

const OF_PARTS = new CharacterSet(BASE64URL);

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
  const headerEnd = token.indexOf('.');
  const payloadEnd = token.indexOf('.', headerEnd + 1);
  if (headerEnd === -1 || payloadEnd === -1) return undefined;
  const header = token.slice(0, headerEnd);
  const payload = token.slice(headerEnd + 1, payloadEnd);
  const signature = token.slice(payloadEnd + 1);
  if (!isCanonical(header) || !isCanonical(payload) || !isCanonical(signature)) return undefined;
  return { header, payload, signature, signedText: token.slice(0, payloadEnd) };
}

/** No part may be empty, not even the signature: an unsecured JWT is no credential. (RFC 7515 §7.1) */
function isCanonical(part: string): boolean {
  if (part === '' || !OF_PARTS.hasAllOf(part)) return false;
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
