import type { KeyObject } from 'node:crypto';
import { nothing, objectIdentifier, sequence } from './der-writer.js';
import type { KeyType } from './key-type.js';

/** A signature algorithm by its AlgorithmIdentifier. (RFC 5758 §3.2; RFC 4055 §5) */
export interface SignatureAlgorithm {
  readonly keyType: 'ec' | 'rsa';
  /** As node:crypto names it. */
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  /** The whole AlgorithmIdentifier in DER. */
  readonly identifier: Buffer;
}

/** What we sign with, and all that we accept on a CSR: SHA-1 and MD5 are forgeable, PSS and EdDSA are not in use. */
export const SIGNATURE_ALGORITHMS: readonly SignatureAlgorithm[] = [
  { keyType: 'ec', hash: 'sha256', identifier: sequence(objectIdentifier('1.2.840.10045.4.3.2')) },
  { keyType: 'ec', hash: 'sha384', identifier: sequence(objectIdentifier('1.2.840.10045.4.3.3')) },
  { keyType: 'ec', hash: 'sha512', identifier: sequence(objectIdentifier('1.2.840.10045.4.3.4')) },
  { keyType: 'rsa', hash: 'sha256', identifier: sequence(objectIdentifier('1.2.840.113549.1.1.11'), nothing()) },
  { keyType: 'rsa', hash: 'sha384', identifier: sequence(objectIdentifier('1.2.840.113549.1.1.12'), nothing()) },
  { keyType: 'rsa', hash: 'sha512', identifier: sequence(objectIdentifier('1.2.840.113549.1.1.13'), nothing()) },
];

/** The hash that is as strong as the curve. (RFC 5480 §4) */
const HASH_OF_CURVE: Readonly<Record<string, SignatureAlgorithm['hash']>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
};

/** How `key` signs: ECDSA with the hash of its curve, RSA with SHA-256; `undefined` when it is another kind of key. */
export function signatureAlgorithmFor(key: KeyObject): SignatureAlgorithm | undefined {
  const keyType = key.asymmetricKeyType;
  const hash = keyType === 'rsa' ? 'sha256' : HASH_OF_CURVE[key.asymmetricKeyDetails?.namedCurve ?? ''];
  return algorithmOf(keyType, hash);
}

/** The same for a key that we have made ourselves, which cannot be asked: see {@link generateKeyPair}. */
export function signatureAlgorithmOfNew(keyType: KeyType): SignatureAlgorithm | undefined {
  if (keyType.startsWith('rsa-')) return algorithmOf('rsa', 'sha256');
  return algorithmOf('ec', keyType === 'ec-p384' ? 'sha384' : 'sha256');
}

function algorithmOf(keyType: string | undefined, hash: string | undefined): SignatureAlgorithm | undefined {
  return SIGNATURE_ALGORITHMS.find((algorithm) => algorithm.keyType === keyType && algorithm.hash === hash);
}
