import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import {
  bitsOf,
  DerTag,
  type DerView,
  extensionValue,
  isStrictDer,
  NameTag,
  nothing,
  Oid,
  readDer,
  readPem,
  SIGNATURE_ALGORITHMS,
  sequence,
  sequenceOf,
} from '../../pki/x509/index.js';

/** An RSA-8192 CSR is about 3 kB of PEM. */
const MAX_CSR_BYTES = 16 * 1024;

/** The second is what old OpenSSL wrote. (RFC 7468 §7) */
const CSR_LABELS = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'];

/** Below: no longer accepted (NIST SP 800-131A). Above: TLS stacks refuse it, and it makes work for us cheaply. */
const RSA_BITS = { min: 2048, max: 8192 } as const;

/** Go's crypto/x509 and BoringSSL refuse larger exponents, so such a leaf would be of no use. */
const MAX_RSA_EXPONENT = 2n ** 31n - 1n;

/** The public keys that we issue for, by their AlgorithmIdentifier. (RFC 5480 §2.1.1; RFC 3279 §2.3.1) */
const EC_ALGORITHMS = [sequence(Oid.ecPublicKey, Oid.p256), sequence(Oid.ecPublicKey, Oid.p384)];
const RSA_ALGORITHM = sequence(Oid.rsaEncryption, nothing());

/** Written as 0. (RFC 2986 §4.1) */
const VERSION_1 = Buffer.of(0x02, 0x01, 0x00);

/** RFC 5480 §2.2: first octet of a point that is not compressed. Peers' TLS stacks take no other form. */
const UNCOMPRESSED_POINT = 0x04;

/** A URI longer than a SPIFFE ID may be is not worth a log line. */
const MAX_URI_BYTES = 2048;

/** What of a CSR counts, once it is known to be signed by the key that it names. */
export interface CheckedCsr {
  /** The raw SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Buffer;
  /** See IssuedLeaf.requestedUri. */
  readonly requestedUri: string | undefined;
}

/**
 * Reads a CSR from an untrusted peer and proves that it holds the private key.
 * @throws IdentityError `ERR_CSR_INVALID`: form or signature; `ERR_KEY_TYPE_UNSUPPORTED`: a key we issue nothing for.
 */
export function checkCsr(csrPem: Buffer): CheckedCsr {
  const csr = readDer(readCsrPem(csrPem));
  if (csr === undefined || !isStrictDer(csr)) throw noRequest('bytes that are no DER');
  const [toBeSigned, algorithm, signature, ...more] = sequenceOf(csr) ?? [];
  if (toBeSigned === undefined || signature === undefined || more.length > 0)
    throw noRequest('no CertificationRequest');
  const { publicKeyInfo, attributes } = readInfo(toBeSigned);
  const publicKey = supportedKey(publicKeyInfo);
  checkSignature({ toBeSigned, algorithm, signature }, publicKey);
  return { publicKeyInfo: publicKeyInfo.raw, requestedUri: requestedUri(attributes) };
}

function readCsrPem(csrPem: Buffer): Buffer {
  const limits = { what: 'CSR', code: 'ERR_CSR_INVALID', maxBytes: MAX_CSR_BYTES, maxBlocks: 1 } as const;
  const [block] = readPem(csrPem, limits);
  if (block === undefined || !CSR_LABELS.includes(block.label)) {
    throw invalid(`a PEM block ${block?.label}`, 'CERTIFICATE REQUEST');
  }
  return block.der;
}

interface RequestInfo {
  readonly publicKeyInfo: DerView;
  /** Sequences of a type and a set of values. */
  readonly attributes: readonly (readonly DerView[])[];
}

/** Version 1, a subject (which we ignore), the key, attributes or none. (RFC 2986 §4.1) */
function readInfo(toBeSigned: DerView): RequestInfo {
  const [version, subject, publicKeyInfo, attributes, ...more] = sequenceOf(toBeSigned) ?? [];
  const isInfo = version?.raw.equals(VERSION_1) && subject?.tag === DerTag.sequence && more.length === 0;
  if (!isInfo || publicKeyInfo?.tag !== DerTag.sequence) throw noRequest('no CertificationRequestInfo of version 1');
  return { publicKeyInfo, attributes: attributes === undefined ? [] : readAttributes(attributes) };
}

/** Each is a type and a set of values, whatever they are. (RFC 2986 §4.1; as OpenSSL reads them) */
function readAttributes(attributes: DerView): (readonly DerView[])[] {
  const all = (attributes.tag === DerTag.context0 && attributes.parts) || [undefined];
  return all.map((attribute) => {
    const parts = sequenceOf(attribute) ?? [];
    const [type, values] = parts;
    if (type?.tag !== DerTag.oid || values?.tag !== DerTag.set || parts.length !== 2)
      throw noRequest('an odd attribute');
    return parts;
  });
}

function supportedKey(publicKeyInfo: DerView): KeyObject {
  const [identifier, bits, ...more] = sequenceOf(publicKeyInfo) ?? [];
  const key = bitsOf(bits, 0);
  if (identifier?.tag !== DerTag.sequence || key === undefined || more.length > 0) throw unreadableKey();
  const algorithm = identifier.raw;
  const isEc = EC_ALGORITHMS.some((known) => known.equals(algorithm));
  if (!isEc && !RSA_ALGORITHM.equals(algorithm)) throw unsupported('another algorithm or curve');
  if (isEc && key[0] !== UNCOMPRESSED_POINT) throw unsupported('a compressed EC point');
  const publicKey = parsePublicKey(publicKeyInfo.raw);
  // What OpenSSL forgives would otherwise go into the leaf as it is.
  if (!publicKey.export({ type: 'spki', format: 'der' }).equals(publicKeyInfo.raw)) throw unreadableKey();
  if (!isEc) checkRsaKey(publicKey);
  return publicKey;
}

function parsePublicKey(der: Buffer): KeyObject {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch {
    throw unreadableKey();
  }
}

function unreadableKey(): IdentityError {
  return invalid('a public key that does not parse', 'a SubjectPublicKeyInfo');
}

function checkRsaKey(publicKey: KeyObject): void {
  const { modulusLength = 0, publicExponent = 0n } = publicKey.asymmetricKeyDetails ?? {};
  if (modulusLength < RSA_BITS.min || modulusLength > RSA_BITS.max) throw unsupported(`RSA of ${modulusLength} bits`);
  if (publicExponent < 3n || publicExponent > MAX_RSA_EXPONENT || publicExponent % 2n === 0n) {
    throw unsupported('an RSA exponent out of range');
  }
}

interface SignedRequest {
  readonly toBeSigned: DerView;
  readonly algorithm: DerView | undefined;
  readonly signature: DerView | undefined;
}

function checkSignature(
  { toBeSigned, algorithm: identifier, signature: bits }: SignedRequest,
  publicKey: KeyObject,
): void {
  const signature = bitsOf(bits, 0);
  if (identifier?.tag !== DerTag.sequence || signature === undefined) throw noRequest('no signature of whole octets');
  const algorithm = SIGNATURE_ALGORITHMS.find((known) => known.identifier.equals(identifier.raw));
  if (algorithm === undefined || algorithm.keyType !== publicKey.asymmetricKeyType) {
    throw invalid('another signature algorithm', 'ECDSA or RSA with SHA-256, SHA-384 or SHA-512, as its key');
  }
  if (!isSignedBy(publicKey, algorithm.hash, toBeSigned.raw, signature)) {
    throw invalid('a signature that does not verify', 'one by the key that it names');
  }
}

function isSignedBy(publicKey: KeyObject, hash: string, signed: Buffer, signature: Buffer): boolean {
  try {
    return verify(hash, signed, publicKey, signature);
  } catch {
    // OpenSSL throws for some malformed signatures instead of saying no.
    return false;
  }
}

/** The one URI that the CSR asks for. It decides nothing, so anything unusual but well-formed is `undefined`. */
function requestedUri(attributes: readonly (readonly DerView[])[]): string | undefined {
  const [request, ...others] = attributes.filter(([type]) => type?.raw.equals(Oid.extensionRequest));
  if (request === undefined || others.length > 0) return undefined;
  const extensions = sequenceOf(request[1]?.parts?.[0]);
  const value = extensions && extensionValue(extensions, Oid.subjectAltName);
  if (value === 'malformed' || extensions === undefined) throw noRequest('extensions that are malformed');
  const names = value?.parts ?? [];
  const uris = names.filter(({ tag }) => tag === NameTag.uri);
  const uri = uris.length === 1 ? uris[0]?.content.toString('latin1') : undefined;
  return uri !== undefined && uri.length <= MAX_URI_BYTES && /^[\x21-\x7e]+$/.test(uri) ? uri : undefined;
}

function noRequest(got: string): IdentityError {
  return invalid(got, 'a PKCS#10 request in DER');
}

function invalid(got: string, expected: string): IdentityError {
  return new IdentityError('ERR_CSR_INVALID', `CSR: got ${got}, expected ${expected}`);
}

function unsupported(got: string): IdentityError {
  return new IdentityError(
    'ERR_KEY_TYPE_UNSUPPORTED',
    `CSR public key: got ${got}, expected EC P-256 or P-384, or RSA of ${RSA_BITS.min} to ${RSA_BITS.max} bits`,
  );
}
