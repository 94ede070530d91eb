import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { IdentityError, wrapError } from '../../errors/index.js';
import {
  bitsOf,
  DerTag,
  type DerView,
  extensionValue,
  Oid,
  type SignatureAlgorithm,
  sequenceIn,
  sequenceOf,
  signatureAlgorithmFor,
} from '../../pki/x509/index.js';
import type { SignerMaterial } from '../signer.js';

/** What leaves say of who signs them, the same in each. */
export interface LeafIssuer {
  readonly algorithm: SignatureAlgorithm;
  /** The raw subject of its certificate: the leaf's issuer, octet by octet. (RFC 5280 §4.1.2.4) */
  readonly subject: Buffer;
  /** Its SubjectKeyIdentifier; SHA-1 of its public key where it has none. (RFC 5280 §4.2.1.2) */
  readonly keyIdentifier: Buffer;
}

/** The same with the key. */
export interface LoadedSigner extends LeafIssuer {
  readonly key: KeyObject;
}

/** A root roll-over has two signers at a time; more than a few means that the same one is loaded again. */
const MAX_LOADED_SIGNERS = 4;

/** Parses each signer once per thread, and forgets the one that was not used for longest. */
class LastUsed<T> {
  private readonly loaded = new Map<string, T>();

  constructor(private readonly load: (material: SignerMaterial) => T) {}

  /** @throws IdentityError `ERR_SIGNER_INVALID`. */
  get(material: SignerMaterial): T {
    const signer = this.loaded.get(material.id) ?? this.load(material);
    // Set again, so that the map's order is the order of last use.
    this.loaded.delete(material.id);
    this.loaded.set(material.id, signer);
    const [oldest] = this.loaded.keys();
    if (this.loaded.size > MAX_LOADED_SIGNERS && oldest !== undefined) this.loaded.delete(oldest);
    return signer;
  }
}

/** Of signers whose keys are here. */
export class SignerCache extends LastUsed<LoadedSigner> {
  constructor() {
    super(loadSigner);
  }
}

/** Of signers whose keys sign elsewhere. */
export class IssuerCache extends LastUsed<LeafIssuer> {
  constructor() {
    super(loadIssuer);
  }
}

/** @throws IdentityError `ERR_SIGNER_INVALID`. */
export function loadSigner(material: SignerMaterial): LoadedSigner {
  try {
    const key = loadKey(material.privateKeyDer);
    return { key, ...issuerOf(material, key) };
  } catch (error) {
    throw wrapError('ERR_SIGNER_INVALID', 'signer does not load', error);
  }
}

/** @throws IdentityError `ERR_SIGNER_INVALID`. */
export function loadIssuer(material: SignerMaterial): LeafIssuer {
  try {
    return issuerOf(material, new X509Certificate(certificateOf(material)).publicKey);
  } catch (error) {
    throw wrapError('ERR_SIGNER_INVALID', 'signer certificate does not load', error);
  }
}

function issuerOf(material: SignerMaterial, key: KeyObject): LeafIssuer {
  const algorithm = signatureAlgorithmFor(key);
  if (algorithm === undefined) {
    throw new IdentityError('ERR_SIGNER_INVALID', 'signer key: got another curve, expected RSA, P-256, P-384 or P-521');
  }
  return { algorithm, ...readCertificate(certificateOf(material)) };
}

/** A copy, since OpenSSL's bindings take no shared memory. */
function certificateOf({ certificateDer }: SignerMaterial): Buffer {
  return Buffer.from(new Uint8Array(certificateDer));
}

/** The copy is needed because OpenSSL's bindings take no shared memory; it is wiped at once. */
function loadKey(shared: SharedArrayBuffer): KeyObject {
  const der = Buffer.allocUnsafeSlow(shared.byteLength);
  der.set(new Uint8Array(shared));
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch {
    throw new IdentityError('ERR_SIGNER_INVALID', 'signer private key does not parse, expected PKCS#8 DER');
  } finally {
    der.fill(0);
  }
}

/** Reads what X509Certificate does not show: the raw subject and the key identifier. (RFC 5280 §4.1) */
function readCertificate(der: Buffer): Pick<LeafIssuer, 'subject' | 'keyIdentifier'> {
  const [toBeSigned] = sequenceIn(der) ?? [];
  // Only v3 has extensions, so only v3 can be a CA certificate; there, the version comes first.
  const [version, , , , , subject, publicKeyInfo, ...others] = sequenceOf(toBeSigned) ?? [];
  const isV3 = version?.tag === DerTag.context0 && subject?.tag === DerTag.sequence;
  if (!isV3 || publicKeyInfo === undefined) throw noDer();
  return { subject: subject.raw, keyIdentifier: keyIdentifier(others) ?? keyHash(publicKeyInfo) };
}

function keyIdentifier(fields: readonly DerView[]): Buffer | undefined {
  const explicit = fields.find(({ tag }) => tag === DerTag.context3);
  const value = extensionValue(sequenceOf(explicit?.parts?.[0]) ?? [], Oid.subjectKeyIdentifier);
  if (value === undefined) return undefined;
  if (value === 'malformed' || value.tag !== DerTag.octetString) throw noDer();
  return value.content;
}

function keyHash(publicKeyInfo: DerView): Buffer {
  const publicKey = bitsOf(sequenceOf(publicKeyInfo)?.[1], 0);
  if (publicKey === undefined) throw noDer();
  return createHash('sha1').update(publicKey).digest();
}

function noDer(): IdentityError {
  return new IdentityError(
    'ERR_SIGNER_INVALID',
    'signer certificate: got what is no DER, expected an X.509 certificate',
  );
}
