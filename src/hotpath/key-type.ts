/** The key types a workload can have. P-256 is the default: RSA generation takes 100 to 200 ms. */
export const KEY_TYPES = ['ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const;

export type KeyType = (typeof KEY_TYPES)[number];
