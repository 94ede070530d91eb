import { IdentityError } from '../../errors/index.js';

/** SPIFFE-ID §2.1: letters, digits, dots, dashes and underscores, all lower case. */
const TRUST_DOMAIN_NAME = /^[a-z0-9._-]+$/;

/** SPIFFE-ID §2.3: an authority of up to 255 bytes must be supported; none longer may be issued. */
const MAX_TRUST_DOMAIN_BYTES = 255;

/** The authority of a SPIFFE ID: one realm of trust with its own roots. (SPIFFE-ID §2.1) */
export class TrustDomain {
  private constructor(readonly name: string) {}

  /**
   * Reads a bare trust domain name such as `cluster.local`.
   * @throws IdentityError `ERR_SPIFFE_ID_INVALID`: wrong characters, empty, or longer than 255 bytes.
   */
  static parse(text: string): TrustDomain {
    if (text.length === 0 || text.length > MAX_TRUST_DOMAIN_BYTES) {
      throw invalid(text, `1 to ${MAX_TRUST_DOMAIN_BYTES} characters`);
    }
    if (!TRUST_DOMAIN_NAME.test(text)) throw invalid(text, 'only a-z, 0-9, ".", "-" and "_"');
    return new TrustDomain(text);
  }

  equals(other: TrustDomain): boolean {
    return this.name === other.name;
  }

  toString(): string {
    return this.name;
  }
}

function invalid(text: string, expected: string): IdentityError {
  return new IdentityError(
    'ERR_SPIFFE_ID_INVALID',
    `trust domain: got ${JSON.stringify(text.slice(0, 80))}, expected ${expected}`,
  );
}
