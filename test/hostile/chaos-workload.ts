import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { SdsClient } from '../support/sds-client.js';

/** What one workload has, as its Envoy sees it, judged by node:crypto. */
export class Workload {
  #validUntilMs = 0;
  /** The roots of its trust bundle, once it has one. */
  #bundle: readonly X509Certificate[] | undefined;
  responses = 0;

  constructor(
    readonly spiffeId: string,
    /** Of all CAs. */
    private readonly roots: readonly X509Certificate[],
    private readonly onWrong: (text: string) => void,
  ) {}

  /** Has it a certificate that is good now? Before the first one has come, it has none to lose. */
  get isServed(): boolean {
    return this.responses === 0 || Date.now() < this.#validUntilMs;
  }

  /** Takes all certificates that come until the stream ends, and says what is wrong with them. */
  async follow(stream: SdsClient): Promise<void> {
    stream.request({ names: ['default'] });
    for (;;) {
      const response = await stream.nextResponse();
      if (response === undefined) return;
      stream.ack(response);
      const { certificateChain, privateKey } = response.secrets[0]?.tlsCertificate ?? {};
      const [leaf, ...above] = certificatesIn(certificateChain?.inlineBytes);
      if (leaf === undefined) return this.onWrong(`${this.spiffeId}: no certificate`);
      const roots = this.#bundle ?? this.roots;
      const issuers = [...above, ...roots];
      const problems = [
        leaf.subjectAltName === `URI:${this.spiffeId}` ? '' : `is for ${leaf.subjectAltName}`,
        leaf.checkPrivateKey(createPrivateKey(Buffer.from(privateKey?.inlineBytes ?? []))) ? '' : 'has another key',
        issuers.some((one) => leaf.verify(one.publicKey)) ? '' : 'is signed by none of the issuers',
        above.every((one) => roots.some((root) => one.verify(root.publicKey))) ? '' : 'ends at another root',
        new Date(leaf.validTo).getTime() > Date.now() ? '' : `has expired at ${leaf.validTo}`,
        new Date(leaf.validFrom).getTime() <= Date.now() ? '' : `begins at ${leaf.validFrom}`,
      ].filter((text) => text !== '');
      for (const problem of problems) this.onWrong(`${this.spiffeId}: the certificate ${problem}`);
      this.#validUntilMs = new Date(leaf.validTo).getTime();
      this.responses += 1;
    }
  }

  /** The same of its trust bundle. */
  async followRoots(stream: SdsClient): Promise<void> {
    stream.request({ names: ['ROOTCA'] });
    for (;;) {
      const response = await stream.nextResponse();
      if (response === undefined) return;
      const bundle = certificatesIn(response.secrets[0]?.validationContext?.trustedCa?.inlineBytes);
      const isKnown = (one: X509Certificate): boolean => this.roots.some(({ raw }) => raw.equals(one.raw));
      if (bundle.length === 0) this.onWrong(`${this.spiffeId}: an empty bundle`);
      if (!bundle.every(isKnown)) this.onWrong(`${this.spiffeId}: a root of no CA`);
      this.#bundle = bundle;
      stream.ack(response);
    }
  }
}

/** All that are in a PEM text. */
export function certificatesIn(pem: Uint8Array | string | null | undefined): X509Certificate[] {
  const text = Buffer.from(pem ?? []).toString();
  return text.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g)?.map((one) => new X509Certificate(one)) ?? [];
}
