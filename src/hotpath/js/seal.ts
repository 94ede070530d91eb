import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type ErrorCode, IdentityError } from '../../errors/index.js';
import { SpiffeId } from '../../pki/spiffe/index.js';
import {
  type CertificateFacts,
  ChainLink,
  encodePem,
  IssuerPool,
  leafProblem,
  NameTag,
  namesText,
  PathSearch,
  type Problem,
  readPem,
  shownIssuers,
} from '../../pki/x509/index.js';
import type { SealedSvid, SealRequest } from '../hot-path.js';
import { encodeCertificateSecret } from '../secret-codec.js';
import { KnownIssuers } from './known-issuers.js';
import { isPlainKeyOf } from './plain-key.js';
import { type CachedTimes, cachedTimesOf, checkValidity } from './validity.js';

/** Four RSA-8192 certificates in PEM are 20 kB; the TLS record layer is not the place for more than this. */
const MAX_CHAIN_BYTES = 128 * 1024;

/** The leaf, and those among which its issuers are: a few, and of a CA that sends more than is needed a few more. */
const MAX_CHAIN_CERTIFICATES = 32;

/**
 * Proves that an issued leaf is what was asked for, builds its path to the bundle, then serialises it. See {@link
 * HotPath.seal}. The order goes from what concerns us alone (form, key, identity, profile, time) to what takes
 * signatures (path), so that the first refusal is the most telling one. With the issuers of the leaf before, their
 * certificates need not be parsed again.
 */
export function seal(request: SealRequest, issuers = new KnownIssuers()): SealedSvid {
  const spiffeId = SpiffeId.parse(request.spiffeId).toString();
  const [leaf, ...others] = parseChain(request.chainPem, issuers);
  checkKey(leaf, request.privateKey);
  const facts = factsOf(leaf);
  checkIdentity(facts, spiffeId);
  checkProfile(facts);
  checkValidity(facts, request);
  const bundle = issuers.bundle(request.bundlePem);
  const pool = new IssuerPool(bundle.anchors, others);
  const { issuers: path, atMs } = findPath(leaf, pool, cachedTimesOf(facts, pool, request));
  // One block per certificate, encoded again from DER: nothing of the CA's own text reaches Envoy.
  const shown = [leaf, ...shownIssuers(path)];
  const chainPem = Buffer.concat(shown.map(({ der }) => encodePem('CERTIFICATE', der)));
  return {
    certificateBody: encodeCertificateSecret(chainPem, { label: 'PRIVATE KEY', der: request.privateKey }),
    bundleBody: copyOf(bundle.secretAt(request.nowMs)),
    serial: leaf.certificate.serialNumber.toLowerCase(),
    notBeforeMs: atMs > request.nowMs ? atMs : facts.notBeforeMs,
    notAfterMs: facts.notAfterMs,
  };
}

/**
 * The issuers of a leaf at the first of these moments at which it has any. @throws IdentityError `ERR_SVID_UNTRUSTED`.
 */
function findPath(
  leaf: ChainLink,
  pool: IssuerPool,
  moments: CachedTimes,
): { issuers: readonly ChainLink[]; atMs: number } {
  const [first, later] = moments;
  const found = new PathSearch(pool, first).fromLeaf(leaf);
  if (found.kind === 'found') return { issuers: found.issuers, atMs: first };
  const second = later === undefined ? found : new PathSearch(pool, later).fromLeaf(leaf);
  if (second.kind === 'found' && later !== undefined) return { issuers: second.issuers, atMs: later };
  throw refused('ERR_SVID_UNTRUSTED', found.why.what, found.why);
}

/** In memory of its own, which may be moved to another thread. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

function parseChain(chainPem: Buffer, issuers: KnownIssuers): [ChainLink, ...ChainLink[]] {
  const blocks = readPem(chainPem, {
    what: 'certificate chain',
    code: 'ERR_SVID_MALFORMED',
    maxBytes: MAX_CHAIN_BYTES,
    maxBlocks: MAX_CHAIN_CERTIFICATES,
  });
  const [leaf, ...others] = blocks.map(({ label, der }, index) => {
    if (label !== 'CERTIFICATE') throw malformed(index + 1, `a PEM block ${label}`, 'CERTIFICATE');
    const parse = (): X509Certificate => parseCertificate(der, index + 1);
    return index === 0 ? new ChainLink(parse()) : issuers.intermediate(der, parse);
  });
  if (leaf === undefined) throw malformed(1, 'none', 'a leaf certificate');
  return [leaf, ...others];
}

function parseCertificate(der: Buffer, position: number): X509Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch (cause) {
    throw malformed(position, 'bytes that do not parse', 'an X.509 certificate', cause);
  }
  // OpenSSL ignores what follows the certificate.
  if (certificate.raw.length !== der.length) throw malformed(position, 'bytes after its end', 'one certificate');
  return certificate;
}

function malformed(position: number, got: string, expected: string, cause?: unknown): IdentityError {
  const message = `certificate ${position} of the chain: got ${got}, expected ${expected}`;
  return new IdentityError('ERR_SVID_MALFORMED', message, { cause });
}

function checkKey(leaf: ChainLink, privateKey: Buffer): void {
  if (isPlainKeyOf(leaf, privateKey)) return;
  if (!leaf.certificate.checkPrivateKey(parseKey(privateKey))) {
    throw new IdentityError('ERR_SVID_KEY_MISMATCH', 'leaf: got another public key, expected that of our private key');
  }
}

/** The cause is left out on purpose: an error text about a private key must not leak. */
function parseKey(pkcs8: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  } catch {
    throw new IdentityError('ERR_SVID_KEY_MISMATCH', 'private key does not parse, expected PKCS#8 DER');
  }
}

/** @throws IdentityError `ERR_SVID_MALFORMED`: what OpenSSL forgives, and other verifiers do not. */
function factsOf({ facts }: ChainLink): CertificateFacts {
  if (typeof facts !== 'string') return facts;
  throw refused('ERR_SVID_MALFORMED', 'leaf', { got: facts, expected: 'a certificate of RFC 5280' });
}

/** One URI, which is ours; other names may stand beside it. (X509-SVID §2) */
function checkIdentity({ names = [] }: CertificateFacts, spiffeId: string): void {
  const [uri, ...more] = names.filter(({ tag }) => tag === NameTag.uri);
  if (uri?.content.toString('latin1') === spiffeId && more.length === 0) return;
  const got = names.length === 0 ? 'none' : namesText(names);
  const expected = `URI:${spiffeId} as the only URI`;
  throw refused('ERR_SVID_IDENTITY_MISMATCH', 'leaf subject alternative names', { got, expected });
}

/** Peers must take it, or it is of no use to the workload. */
function checkProfile(facts: CertificateFacts): void {
  const problem = leafProblem(facts);
  if (problem !== undefined) throw refused('ERR_SVID_MALFORMED', 'leaf', problem);
}

function refused(code: ErrorCode, what: string, { got, expected }: Problem): IdentityError {
  return new IdentityError(code, `${what}: got ${got}, expected ${expected}`);
}
