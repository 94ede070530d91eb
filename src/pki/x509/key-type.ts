import { IdentityError } from '../../errors/index.js';

/** The key types a workload can have. P-256 is the default: RSA generation takes 100 to 200 ms. */
export const KEY_TYPES = ['ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const;

export type KeyType = (typeof KEY_TYPES)[number];

/** Looking for primes takes a thousand times as long as an EC key: nothing else should wait for it. */
export function takesLong(keyType: string): boolean {
  return keyType.startsWith('rsa-');
}

/** What callers from JavaScript may still pass. */
export function unsupportedKeyType(keyType: unknown): IdentityError {
  return new IdentityError(
    'ERR_KEY_TYPE_UNSUPPORTED',
    `key type: got ${JSON.stringify(keyType)}, expected ${KEY_TYPES.slice(0, -1).join(', ')} or ${KEY_TYPES.at(-1)}`,
  );
}
