import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { ReviewServer } from './review-server.js';

/** What a webhook serves with, and the names that it has. */
export class ServingCertificate {
  private leaf: X509Certificate | undefined;

  constructor(private readonly server: Pick<ReviewServer, 'setCertificate'>) {}

  /**
   * Handshakes of the server have this certificate from now on. Both are copied.
   * @throws IdentityError `ERR_LISTEN_FAILED`: it cannot be used; the one before stays.
   */
  take({ chainPem, keyPem }: { readonly chainPem: Buffer; readonly keyPem: Buffer }): void {
    this.server.setCertificate({ certPem: chainPem, keyPem });
    this.leaf = new X509Certificate(chainPem);
  }

  /** The first of `hosts` that the certificate does not have; `undefined` when it has all. */
  lacks(hosts: readonly string[]): string | undefined {
    const { leaf } = this;
    if (leaf === undefined) return undefined;
    return hosts.find((host) => (isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)) === undefined);
  }
}
