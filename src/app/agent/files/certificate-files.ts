import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { IdentityError } from '../../../errors/index.js';
import { encodePem, readCertificates } from '../../../pki/x509/index.js';

/** OpenSSL's verifier stops at 100; a chain in a handshake has a few. */
const MAX_CHAIN_CERTIFICATES = 10;

/** The bytes are those of the largest file that is read. */
const CHAIN_LIMITS = {
  what: 'certificate file',
  code: 'ERR_SECRET_FILE_INVALID',
  maxBytes: 1024 * 1024,
  maxBlocks: MAX_CHAIN_CERTIFICATES,
} as const;

/** Envoy refuses smaller ones. (BoringSSL's TLS in Envoy, reference: SDS 1.9) */
const MIN_RSA_BITS = 2048;

/** Clocks of those who issue may be ahead of ours. */
const MAX_SKEW_MS = 5 * 60_000;

/** A pair that has been proven one. */
export interface CertificatePair {
  readonly leaf: X509Certificate;
  /** Leaf first; made anew from DER, so that nothing else of the file reaches Envoy. */
  readonly chainPem: Buffer;
  /** PKCS#8, in memory of its own: wipe it. */
  readonly privateKeyPem: Buffer;
}

/**
 * Reads a certificate chain and its private key, both PEM, and proves what Envoy or its peers would refuse: that they are
 * a pair, of a size that Envoy takes, and valid at `nowMs`.
 * @throws IdentityError `ERR_SECRET_FILE_INVALID`. No text says more of the key than that it is none.
 */
export function parseCertificatePair(chain: Buffer, privateKey: Buffer, nowMs: number): CertificatePair {
  const certificates = parseChain(chain);
  const [leaf] = certificates;
  const key = parseKey(privateKey);
  checkSize(key);
  if (!leaf.checkPrivateKey(key))
    throw invalid('certificate', 'the key of another certificate', 'that of the first one');
  checkValid(leaf, nowMs);
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const chainPem = Buffer.concat(certificates.map(({ raw }) => encodePem('CERTIFICATE', raw)));
  const pair = { leaf, chainPem, privateKeyPem: encodePem('PRIVATE KEY', der) };
  der.fill(0);
  return pair;
}

function parseChain(pem: Buffer): [X509Certificate, ...X509Certificate[]] {
  const [leaf, ...others] = readCertificates(pem, CHAIN_LIMITS).map((der, index) => {
    try {
      return new X509Certificate(der);
    } catch (cause) {
      throw invalid(`certificate ${index + 1}`, 'what does not parse', 'an X.509 certificate', cause);
    }
  });
  if (leaf === undefined) throw invalid('certificate file', 'no PEM certificate', 'a chain, leaf first');
  return [leaf, ...others];
}

/** Without the cause: an error text about a private key is nobody's business. */
function parseKey(pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw invalid('key file', 'what does not parse', 'one private key in PEM, not encrypted');
  }
}

function checkSize({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): void {
  const bits = asymmetricKeyDetails?.modulusLength;
  if (asymmetricKeyType !== 'rsa' || bits === undefined || bits >= MIN_RSA_BITS) return;
  throw invalid('key file', `an RSA key of ${bits} bits`, `at least ${MIN_RSA_BITS}: Envoy takes no smaller one`);
}

function checkValid(leaf: X509Certificate, nowMs: number): void {
  const [fromMs, toMs] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
  if (fromMs - MAX_SKEW_MS <= nowMs && nowMs < toMs) return;
  throw invalid('certificate', `validity ${leaf.validFrom} to ${leaf.validTo}`, 'one that is valid now');
}

function invalid(what: string, got: string, expected: string, cause?: unknown): IdentityError {
  return new IdentityError('ERR_SECRET_FILE_INVALID', `${what}: got ${got}, expected ${expected}`, { cause });
}
