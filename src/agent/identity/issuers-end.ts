import { X509Certificate } from 'node:crypto';

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const BEGIN = '-----BEGIN CERTIFICATE-----';

/**
 * When the first intermediate of a chain expires: from then on peers refuse the leaf, however long its own life is.
 * Which of them the peers need is not looked at: one too many brings a renewal forward, and takes nothing away.
 */
export class IssuersEnd {
  /** A CA answers with one and the same chain above the leaf, as a rule: it is read once. */
  private last: { readonly pem: Buffer; readonly endsMs: readonly number[] } | undefined;

  /**
   * In epoch milliseconds; infinite when there is no intermediate. One that has expired is not counted, because the
   * path of a proven chain does without it, nor is a root, which peers have from their own bundles.
   */
  of(chainPem: Buffer, nowMs: number): number {
    const start = chainPem.indexOf(BEGIN, BEGIN.length);
    if (start < 0) return Number.POSITIVE_INFINITY;
    const pem = chainPem.subarray(start);
    if (this.last === undefined || !pem.equals(this.last.pem))
      this.last = { pem: Buffer.from(pem), endsMs: endsOf(pem) };
    return Math.min(...this.last.endsMs.filter((endMs) => endMs > nowMs), Number.POSITIVE_INFINITY);
  }
}

function endsOf(pem: Buffer): number[] {
  return (pem.toString('latin1').match(BLOCK) ?? []).flatMap((block) => {
    const certificate = certificateOf(block);
    return certificate === undefined || certificate.subject === certificate.issuer
      ? []
      : [Date.parse(certificate.validTo)];
  });
}

/** What does not parse is no part of the path that has been proven. */
function certificateOf(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}
