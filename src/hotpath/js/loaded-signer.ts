import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { IdentityError, wrapError } from '../../errors/index.js';
import { Oid, type SignatureAlgorithm, signatureAlgorithmFor } from '../../pki/x509/index.js';
import type { SignerMaterial } from '../signer.js';
import { child, type DerElement, DerError, extensionValue, readDer, Tag, wholeOctets } from './der-reader.js';

/** A signer with all that is the same for each leaf worked out beforehand. */
export interface LoadedSigner {
  readonly key: KeyObject;
  readonly algorithm: SignatureAlgorithm;
  /** The raw subject of its certificate: the leaf's issuer, octet by octet. (RFC 5280 §4.1.2.4) */
  readonly subject: Buffer;
  /** Its SubjectKeyIdentifier; SHA-1 of its public key where it has none. (RFC 5280 §4.2.1.2) */
  readonly keyIdentifier: Buffer;
}

/** A root roll-over has two signers at a time; more than a few means that the same one is loaded again. */
const MAX_LOADED_SIGNERS = 4;

/** Parses each signer once per thread, and forgets the one that was not used for longest. */
export class SignerCache {
  private readonly loaded = new Map<string, LoadedSigner>();

  /** @throws IdentityError `ERR_SIGNER_INVALID`. */
  get(material: SignerMaterial): LoadedSigner {
    const signer = this.loaded.get(material.id) ?? load(material);
    // Set again, so that the map's order is the order of last use.
    this.loaded.delete(material.id);
    this.loaded.set(material.id, signer);
    const [oldest] = this.loaded.keys();
    if (this.loaded.size > MAX_LOADED_SIGNERS && oldest !== undefined) this.loaded.delete(oldest);
    return signer;
  }
}

function load(material: SignerMaterial): LoadedSigner {
  try {
    const key = loadKey(material.privateKeyDer);
    const algorithm = signatureAlgorithmFor(key);
    if (algorithm === undefined) {
      throw new IdentityError(
        'ERR_SIGNER_INVALID',
        'signer key: got another curve, expected RSA, P-256, P-384 or P-521',
      );
    }
    return { key, algorithm, ...readCertificate(Buffer.from(new Uint8Array(material.certificateDer))) };
  } catch (error) {
    throw wrapError('ERR_SIGNER_INVALID', 'signer does not load', error);
  }
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
function readCertificate(der: Buffer): Pick<LoadedSigner, 'subject' | 'keyIdentifier'> {
  const toBeSigned = child(readDer(der), 0, Tag.sequence, 'TBSCertificate');
  // Only v3 has extensions, so only v3 can be a CA certificate; there, the version comes first.
  child(toBeSigned, 0, Tag.version, 'version');
  const subject = child(toBeSigned, 5, Tag.sequence, 'subject');
  const publicKeyInfo = child(toBeSigned, 6, Tag.sequence, 'SubjectPublicKeyInfo');
  return { subject: subject.raw, keyIdentifier: keyIdentifier(toBeSigned, publicKeyInfo) };
}

function keyIdentifier(toBeSigned: DerElement, publicKeyInfo: DerElement): Buffer {
  const explicit = toBeSigned.children.find(({ tag }) => tag === Tag.extensions);
  const extensions = explicit && child(explicit, 0, Tag.sequence, 'extensions');
  const identifier = extensions && extensionValue(extensions, Oid.subjectKeyIdentifier);
  if (identifier === undefined) {
    const publicKey = child(publicKeyInfo, 1, Tag.bitString, 'public key');
    return createHash('sha1').update(wholeOctets(publicKey, 'public key')).digest();
  }
  if (identifier.tag !== Tag.octetString) throw new DerError('a SubjectKeyIdentifier that is no OCTET STRING');
  return identifier.content;
}
