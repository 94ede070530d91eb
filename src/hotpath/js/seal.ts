import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { encodePem, readPem } from '../../pki/x509/index.js';
import { SpiffeId } from '../../spiffe/index.js';
import type { SealedSvid, SealRequest } from '../hot-path.js';
import { encodeCertificateSecret } from '../secret-codec.js';
import { checkChain } from './chain-check.js';
import { KnownIssuers } from './known-issuers.js';
import { isPlainKeyOf } from './plain-key.js';
import { provedAtMs, validityOf } from './validity.js';

/** Four RSA-8192 certificates in PEM are 20 kB; the TLS record layer is not the place for more than this. */
const MAX_CHAIN_BYTES = 128 * 1024;

/** Leaf and intermediates: real hierarchies have one to three. OpenSSL's verifier stops at 100. */
const MAX_CHAIN_CERTIFICATES = 10;

/**
 * Proves that an issued chain is what was asked for, then serialises it. See {@link HotPath.seal}. The order goes from
 * what concerns us alone (form, key, identity, time) to what takes signatures (chain), so that the first refusal is the
 * most telling one. With the issuers of the leaf before, their certificates need not be parsed again.
 */
export function seal(request: SealRequest, issuers = new KnownIssuers()): SealedSvid {
  const spiffeId = SpiffeId.parse(request.spiffeId).toString();
  const [leaf, ...intermediates] = parseChain(request.chainPem, issuers);
  checkKey(leaf, request.privateKey);
  checkIdentity(leaf, spiffeId);
  checkNotCa(leaf);
  const atMs = provedAtMs(leaf, request);
  const bundle = issuers.bundle(request.bundlePem);
  checkChain([leaf, ...intermediates], bundle.anchors, atMs);
  // One block per certificate, made anew from DER: nothing of the CA's own text reaches Envoy.
  const chainPem = Buffer.concat([leaf, ...intermediates].map((link) => encodePem('CERTIFICATE', link.raw)));
  return {
    certificateBody: certificateSecret(chainPem, request),
    bundleBody: copyOf(bundle.secretBody),
    serial: leaf.serialNumber.toLowerCase(),
    ...validityOf(leaf),
  };
}

function certificateSecret(chainPem: Buffer, { privateKey, keyForm }: SealRequest): Buffer {
  if (keyForm !== 'traditional') return encodeCertificateSecret(chainPem, { label: 'PRIVATE KEY', der: privateKey });
  const key = parseKey(privateKey);
  const isEc = key.asymmetricKeyType === 'ec';
  const der = key.export({ type: isEc ? 'sec1' : 'pkcs1', format: 'der' });
  const secret = encodeCertificateSecret(chainPem, { label: isEc ? 'EC PRIVATE KEY' : 'RSA PRIVATE KEY', der });
  der.fill(0);
  return secret;
}

/** In memory of its own, which may be moved to another thread. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

function parseChain(chainPem: Buffer, issuers: KnownIssuers): [X509Certificate, ...X509Certificate[]] {
  const blocks = readPem(chainPem, {
    what: 'certificate chain',
    code: 'ERR_SVID_MALFORMED',
    maxBytes: MAX_CHAIN_BYTES,
    maxBlocks: MAX_CHAIN_CERTIFICATES,
  });
  const [leaf, ...intermediates] = blocks.map(({ label, der }, index) => {
    if (label !== 'CERTIFICATE') throw malformed(index + 1, `a PEM block ${label}`, 'CERTIFICATE');
    const parse = (): X509Certificate => parseCertificate(der, index + 1);
    return index === 0 ? parse() : issuers.intermediate(der, parse);
  });
  if (leaf === undefined) throw malformed(1, 'none', 'a leaf certificate');
  return [leaf, ...intermediates];
}

function parseCertificate(der: Buffer, position: number): X509Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch (cause) {
    throw malformed(position, 'bytes that do not parse', 'an X.509 certificate', cause);
  }
  // OpenSSL ignores what follows the certificate.
  if (certificate.raw.length !== der.length) throw malformed(position, 'bytes behind its end', 'one certificate');
  return certificate;
}

function malformed(position: number, got: string, expected: string, cause?: unknown): IdentityError {
  const message = `certificate ${position} of the chain: got ${got}, expected ${expected}`;
  return new IdentityError('ERR_SVID_MALFORMED', message, { cause });
}

function checkKey(leaf: X509Certificate, privateKey: Buffer): void {
  if (isPlainKeyOf(leaf, privateKey)) return;
  if (!leaf.checkPrivateKey(parseKey(privateKey))) {
    throw new IdentityError(
      'ERR_SVID_KEY_MISMATCH',
      `leaf ${leaf.serialNumber.toLowerCase()}: got another public key, expected that of our private key`,
    );
  }
}

/** The cause is left out on purpose: an error text about a private key is nobody's business. */
function parseKey(pkcs8: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  } catch {
    throw new IdentityError('ERR_SVID_KEY_MISMATCH', 'private key does not parse, expected PKCS#8 DER');
  }
}

/**
 * The leaf must have exactly one subject alternative name. Node's text form is safe to compare with: it joins names by
 * ", " and quotes any that holds a comma or quote, and a parsed SPIFFE ID has neither, so no other set of names has
 * this spelling. A second SAN extension, of which Node would show only the first, makes OpenSSL refuse the chain.
 */
function checkIdentity(leaf: X509Certificate, spiffeId: string): void {
  const expected = `URI:${spiffeId}`;
  if (leaf.subjectAltName === expected) return;
  // The types say undefined, but Node gives null for an extension that OpenSSL cannot read.
  const got = leaf.subjectAltName ? JSON.stringify(leaf.subjectAltName.slice(0, 300)) : 'none';
  throw new IdentityError(
    'ERR_SVID_IDENTITY_MISMATCH',
    `leaf subject alternative names: got ${got}, expected only ${expected}`,
  );
}

/** X509-SVID §4.1: a leaf must not be able to sign others. */
function checkNotCa(leaf: X509Certificate): void {
  if (leaf.ca) {
    throw new IdentityError('ERR_SVID_MALFORMED', 'leaf: got a CA certificate, expected basicConstraints CA:FALSE');
  }
}
