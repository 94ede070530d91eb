import { X509Certificate } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { caProblem, certificateFingerprint, type Problem, readCertificates, readFacts } from '../x509/index.js';

/** A bundle is a handful of roots; a megabyte is far above any real one and bounds what a peer can make us parse. */
const MAX_BUNDLE_BYTES = 1024 * 1024;

/** The bytes bound the certificates. */
const LIMITS = {
  what: 'trust bundle',
  code: 'ERR_BUNDLE_INVALID',
  maxBytes: MAX_BUNDLE_BYTES,
  maxBlocks: Number.POSITIVE_INFINITY,
} as const;

/**
 * The CA certificates of one trust domain. Never empty, never two of the same certificate, and compared by DER:
 * order, white space and comments between the PEM blocks do not count. (SPIFFE Trust Domain and Bundle §4)
 */
export class TrustBundle {
  /** In the order of the certificates, in epoch milliseconds. */
  private readonly periods: readonly { readonly notBeforeMs: number; readonly notAfterMs: number }[];

  private constructor(private readonly certificates: ReadonlyMap<string, X509Certificate>) {
    this.periods = this.list().map(periodOf);
  }

  /**
   * Reads one or more PEM certificates.
   * @throws IdentityError `ERR_BUNDLE_INVALID`: none in the text, one does not parse, one is no CA certificate, or
   *   the text is longer than a megabyte.
   */
  static parsePem(pem: Buffer): TrustBundle {
    const certificates = new Map<string, X509Certificate>();
    for (const [index, der] of readCertificates(pem, LIMITS).entries()) {
      const certificate = parseCertificate(der, index + 1);
      certificates.set(certificate.fingerprint256, certificate);
    }
    return new TrustBundle(certificates);
  }

  get size(): number {
    return this.certificates.size;
  }

  /** The certificates in the order in which they were first met. */
  list(): X509Certificate[] {
    return [...this.certificates.values()];
  }

  /**
   * The bundle that a verifier may be given at `nowMs` (epoch milliseconds): without expired certificates, and with
   * those that are not yet valid last. Envoy takes the first certificate of a fitting name, and refuses every peer when
   * that one is expired or not yet valid. `undefined` when all have expired: a bundle is never empty.
   */
  usableAt(nowMs: number): TrustBundle | undefined {
    if (this.periods.every((period) => holdsAt(period, nowMs))) return this;
    const entries = [...this.certificates].map((entry, index) => ({ entry, period: this.periods[index] ?? NEVER }));
    const living = entries.filter(({ period }) => nowMs <= period.notAfterMs);
    const ordered = [
      ...living.filter(({ period }) => holdsAt(period, nowMs)),
      ...living.filter(({ period }) => !holdsAt(period, nowMs)),
    ];
    return ordered.length === 0 ? undefined : new TrustBundle(new Map(ordered.map(({ entry }) => entry)));
  }

  /** When the first of its certificates expires, in epoch milliseconds: {@link usableAt} is to be asked again then. */
  get firstNotAfterMs(): number {
    return Math.min(...this.periods.map(({ notAfterMs }) => notAfterMs));
  }

  /** SHA-256 of each, in hexadecimal of small letters: what status pages show of them. */
  fingerprints(): string[] {
    return this.list().map(certificateFingerprint);
  }

  /** One PEM block per certificate, each ending in a newline; comments of the source are gone. */
  toPem(): Buffer {
    return Buffer.from(this.list().map(String).join(''), 'latin1');
  }

  /** True when both hold the same certificates, in whatever order. */
  equals(other: TrustBundle): boolean {
    return this.size === other.size && [...this.certificates.keys()].every((key) => other.certificates.has(key));
  }
}

const NEVER = { notBeforeMs: Number.POSITIVE_INFINITY, notAfterMs: Number.NEGATIVE_INFINITY };

/** Dates that OpenSSL cannot read, Envoy cannot either: such a certificate is never valid. */
function periodOf({ validFrom, validTo }: X509Certificate): typeof NEVER {
  const period = { notBeforeMs: Date.parse(validFrom), notAfterMs: Date.parse(validTo) };
  return Number.isNaN(period.notBeforeMs + period.notAfterMs) ? NEVER : period;
}

/** Both ends belong to the period. (RFC 5280 §4.1.2.5) */
function holdsAt({ notBeforeMs, notAfterMs }: typeof NEVER, nowMs: number): boolean {
  return notBeforeMs <= nowMs && nowMs <= notAfterMs;
}

function parseCertificate(der: Buffer, position: number): X509Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch (cause) {
    throw new IdentityError(
      'ERR_BUNDLE_INVALID',
      `trust bundle: certificate ${position} does not parse, expected an X.509 certificate`,
      { cause },
    );
  }
  // OpenSSL ignores what follows the certificate.
  if (certificate.raw.length !== der.length) {
    throw new IdentityError(
      'ERR_BUNDLE_INVALID',
      `trust bundle: certificate ${position}: got bytes after its end, expected one certificate`,
    );
  }
  if (!certificate.ca) {
    const { got, expected } = problemOf(certificate);
    throw new IdentityError(
      'ERR_BUNDLE_INVALID',
      `trust bundle: certificate ${position}: got ${got}, expected ${expected}`,
    );
  }
  return certificate;
}

/** Of a certificate that OpenSSL does not take for a CA's, but says no more. */
function problemOf(certificate: X509Certificate): Problem {
  const facts = readFacts(certificate.raw);
  const problem = typeof facts === 'string' ? undefined : caProblem(facts);
  return problem ?? { got: 'no CA certificate', expected: 'basicConstraints CA:TRUE' };
}
