import type { X509Certificate } from 'node:crypto';
import { type CertificateFacts, readFacts } from './certificate-facts.js';
import { isSignedBy } from './issued-by.js';

/** A certificate with what paths are built by, each fact found once. */
export class ChainLink {
  readonly der: Buffer;
  /** A `string` says what of it is malformed. */
  readonly facts: CertificateFacts | string;
  /** By issuer. It is a fact for ever, and as costly as the rest of a path together. */
  private readonly signers = new WeakMap<ChainLink, boolean>();
  private isOwnIssuer: boolean | undefined;
  private isOwn: boolean | undefined;

  constructor(readonly certificate: X509Certificate) {
    this.der = certificate.raw;
    this.facts = readFacts(this.der);
  }

  /** Self-signed, and so of no use to a peer that does not have it. */
  get isRoot(): boolean {
    this.isOwnIssuer ??= this.namesItself && isSignedBy(this.certificate, this.certificate);
    return this.isOwnIssuer;
  }

  /**
   * Names itself as its issuer, by name and key identifier: OpenSSL takes it for self-signed, and only a trust anchor
   * may be.
   */
  get namesItself(): boolean {
    this.isOwn ??= this.certificate.checkIssued(this.certificate);
    return this.isOwn;
  }

  isSignedBy(issuer: ChainLink): boolean {
    const known = this.signers.get(issuer);
    if (known !== undefined) return known;
    const isSigned = isSignedBy(this.certificate, issuer.certificate);
    this.signers.set(issuer, isSigned);
    return isSigned;
  }

  equals(other: ChainLink): boolean {
    return this === other || this.der.equals(other.der);
  }
}
