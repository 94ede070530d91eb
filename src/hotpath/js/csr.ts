import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { GENERAL_NAME, nothing, Oid, readPem, SIGNATURE_ALGORITHMS, sequence } from '../../pki/x509/index.js';
import { child, type DerElement, DerError, extensionValue, readDer, Tag, wholeOctets } from './der-reader.js';

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
  const der = readCsrPem(csrPem);
  try {
    const csr = readDer(der);
    if (csr.tag !== Tag.sequence || csr.children.length !== 3) throw new DerError('no SEQUENCE of three');
    const toBeSigned = child(csr, 0, Tag.sequence, 'CertificationRequestInfo');
    const publicKeyInfo = child(toBeSigned, 2, Tag.sequence, 'SubjectPublicKeyInfo');
    checkInfo(toBeSigned);
    const publicKey = supportedKey(publicKeyInfo);
    checkSignature(csr, toBeSigned, publicKey);
    return { publicKeyInfo: publicKeyInfo.raw, requestedUri: requestedUri(toBeSigned.children[3]) };
  } catch (error) {
    if (error instanceof DerError) throw invalid(error.message, 'a PKCS#10 request in DER');
    throw error;
  }
}

function readCsrPem(csrPem: Buffer): Buffer {
  const limits = { what: 'CSR', code: 'ERR_CSR_INVALID', maxBytes: MAX_CSR_BYTES, maxBlocks: 1 } as const;
  const [block] = readPem(csrPem, limits);
  if (block === undefined || !CSR_LABELS.includes(block.label)) {
    throw invalid(`a PEM block ${block?.label}`, 'CERTIFICATE REQUEST');
  }
  return block.der;
}

/** CertificationRequestInfo but for the key: version 0, a subject (which we ignore), attributes or none. (RFC 2986 §4.1) */
function checkInfo(toBeSigned: DerElement): void {
  const version = child(toBeSigned, 0, Tag.integer, 'version');
  if (!version.content.equals(Buffer.from([0]))) throw new DerError('another version than 0');
  child(toBeSigned, 1, Tag.sequence, 'subject');
  if (toBeSigned.children.length > 4) throw new DerError('parts behind the attributes');
  if (toBeSigned.children.length === 4) checkAttributes(child(toBeSigned, 3, Tag.attributes, 'attributes'));
}

/** Each is a type and a set of values, whatever they are. (RFC 2986 §4.1; as OpenSSL reads them) */
function checkAttributes(attributes: DerElement): void {
  for (const attribute of attributes.children) {
    if (attribute.tag !== Tag.sequence || attribute.children.length !== 2) throw new DerError('an odd attribute');
    child(attribute, 0, Tag.oid, 'attribute type');
    child(attribute, 1, Tag.set, 'attribute values');
  }
}

function supportedKey(publicKeyInfo: DerElement): KeyObject {
  const algorithm = child(publicKeyInfo, 0, Tag.sequence, 'public key algorithm').raw;
  const key = wholeOctets(child(publicKeyInfo, 1, Tag.bitString, 'public key'), 'public key');
  if (publicKeyInfo.children.length !== 2) throw unreadableKey();
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

function checkSignature(csr: DerElement, toBeSigned: DerElement, publicKey: KeyObject): void {
  const identifier = child(csr, 1, Tag.sequence, 'signature algorithm').raw;
  const signature = wholeOctets(child(csr, 2, Tag.bitString, 'signature'), 'signature');
  const algorithm = SIGNATURE_ALGORITHMS.find((known) => known.identifier.equals(identifier));
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
function requestedUri(attributes: DerElement | undefined): string | undefined {
  const requests = (attributes?.children ?? []).filter((one) => one.children[0]?.raw.equals(Oid.extensionRequest));
  if (requests.length !== 1 || requests[0] === undefined) return undefined;
  const extensions = child(child(requests[0], 1, Tag.set, 'attribute values'), 0, Tag.sequence, 'extensions');
  const names = extensionValue(extensions, Oid.subjectAltName)?.children ?? [];
  const uris = names.filter((name) => name.tag === (0x80 | GENERAL_NAME.uri));
  const uri = uris.length === 1 ? uris[0]?.content.toString('latin1') : undefined;
  return uri !== undefined && uri.length <= MAX_URI_BYTES && /^[\x21-\x7e]+$/.test(uri) ? uri : undefined;
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
