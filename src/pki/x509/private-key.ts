import { createPrivateKey, type KeyObject } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { type PemWanted, readPem } from './pem-reader.js';

/** The forms in which a private key stands in PEM without a passphrase. (RFC 5958; RFC 5915; RFC 8017 §A.1.2) */
const FORMS: Readonly<Record<string, 'pkcs8' | 'sec1' | 'pkcs1'>> = {
  'PRIVATE KEY': 'pkcs8',
  'EC PRIVATE KEY': 'sec1',
  'RSA PRIVATE KEY': 'pkcs1',
};

/**
 * The one private key of a PEM text, whatever else stands there. Its octets are wiped behind the parser.
 * @throws IdentityError `wanted.code`: none, several, one that is encrypted or does not parse. No message tells more of
 * the key.
 */
export function readPrivateKey(pem: Buffer, wanted: Omit<PemWanted, 'labels' | 'maxBlocks'>): KeyObject {
  const [block] = readPem(pem, { ...wanted, maxBlocks: 1, labels: Object.keys(FORMS) });
  const { label, der } = block ?? { label: '', der: Buffer.alloc(0) };
  try {
    return createPrivateKey({ key: der, format: 'der', type: FORMS[label] ?? 'pkcs8' });
  } catch {
    // Without the cause: an error text about a private key must not leak.
    throw new IdentityError(
      wanted.code,
      `${wanted.what}: got a ${label} block that does not parse, expected a private key`,
    );
  } finally {
    der.fill(0);
  }
}
