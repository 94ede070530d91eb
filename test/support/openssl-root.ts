import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openssl } from '../hotpath/pki.js';

const NEW_KEY = {
  'ec-p256': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'ec-p384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  'rsa-2048': ['-newkey', 'rsa:2048'],
} as const;

export type RootKeyType = keyof typeof NEW_KEY;

export const ROOT_KEY_TYPES = ['ec-p256', 'ec-p384', 'rsa-2048'] as const;

/** A root by openssl, valid for a day, and its key in PKCS#8. */
export function opensslRoot(keyType: RootKeyType, organization = 'cluster.local') {
  const directory = mkdtempSync(join(tmpdir(), 'sc-root-'));
  try {
    const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    openssl([
      ...['req', '-x509', ...NEW_KEY[keyType], '-nodes', '-keyout', key, '-out', certificate, '-days', '1'],
      ...['-subj', `/O=${organization}`, '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ]);
    const certificatePem = readFileSync(certificate);
    const { publicKey } = new X509Certificate(certificatePem);
    return { certificatePem, privateKeyPem: readFileSync(key), publicKey };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
