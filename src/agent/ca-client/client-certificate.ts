import { X509Certificate } from 'node:crypto';
import { inspect } from 'node:util';

/** What we show a CA that asks who we are. Holds a private key, so nothing prints it. */
export class ClientCertificate {
  /** Epoch milliseconds: the first moment that no longer belongs to its validity. */
  readonly notAfterMs: number;
  readonly #privateKeyPem: Buffer;

  /**
   * Takes ownership of both, in PEM, the chain with its leaf first. @throws Error when the chain does not begin with a
   * certificate.
   */
  constructor(
    readonly chainPem: Buffer,
    privateKeyPem: Buffer,
  ) {
    // RFC 5280 §4.1.2.5: the last second belongs to it.
    this.notAfterMs = Date.parse(new X509Certificate(chainPem).validTo) + 1;
    this.#privateKeyPem = privateKeyPem;
  }

  /** To be used at once: a caller that waits may find it wiped. */
  get privateKeyPem(): Buffer {
    return this.#privateKeyPem;
  }

  /** Overwrites the key. */
  wipe(): void {
    this.#privateKeyPem.fill(0);
  }

  toJSON(): string {
    return '[redacted client certificate]';
  }

  [inspect.custom](): string {
    return this.toJSON();
  }
}

/** Where the certificate comes from. Asked for each call: with another answer the next call has a new connection. */
export interface ClientCertificateSource {
  /** The certificate as it stands now, the same object as long as it is the same; `undefined` without a valid one. */
  current(): Promise<ClientCertificate | undefined>;
}
