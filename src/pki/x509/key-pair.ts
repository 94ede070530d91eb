import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type KeyType, unsupportedKeyType } from './key-type.js';

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/**
 * Never ask these keys for their `asymmetricKeyDetails`: a key object that comes from the generator shares a lock with
 * it, and the garbage collector takes that lock to free the generator. If it runs in the midst of the question, the
 * thread waits for itself, for ever, and cannot even be terminated. (Node 20.20; test/pki/x509/key-pair.test.ts)
 *
 * @throws IdentityError `ERR_KEY_TYPE_UNSUPPORTED`.
 */
export function generateKeyPair(keyType: KeyType): KeyPair {
  switch (keyType) {
    case 'ec-p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'ec-p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' });
    case 'rsa-2048':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
    case 'rsa-3072':
      return generateKeyPairSync('rsa', { modulusLength: 3072 });
    case 'rsa-4096':
      return generateKeyPairSync('rsa', { modulusLength: 4096 });
    default:
      // `never`: a new KeyType without its case does not compile; at run time, JS may still pass anything.
      throw unsupportedKeyType(keyType satisfies never);
  }
}

/**
 * PKCS#8 DER in an ArrayBuffer of exactly its size, as Node 20 makes it; should Node ever export into a pool, the copy
 * there is wiped.
 */
export function exportPrivateKey(key: KeyObject): Buffer {
  const bytes = key.export({ type: 'pkcs8', format: 'der' });
  if (bytes.buffer.byteLength === bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  bytes.fill(0);
  return own;
}
