import type { SignatureAlgorithm } from './signature-algorithm.js';

/** Who signs a list, or the certificate of a CA below: the key of a CA certificate, and what of that stands in it. */
export interface CaSigner {
  readonly algorithm: SignatureAlgorithm;
  /** Resolves with the signature by this algorithm. */
  sign(toBeSigned: Buffer): Promise<Buffer>;
  /** The raw subject of its certificate: the issuer of what it signs, octet by octet. (RFC 5280 §4.1.2.4, §5.1.2.3) */
  readonly subject: Buffer;
  readonly keyIdentifier: Buffer;
}
