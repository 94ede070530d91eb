import { createPrivateKey, createPublicKey } from 'node:crypto';
import t from 'tap';
import { isPlainKeyOf } from '../../src/hotpath/js/plain-key.js';
import { ChainLink } from '../../src/pki/x509/index.js';
import { seededRandom } from '../support/prng.js';
import { IMPLEMENTATIONS } from './implementations.js';
import { certificate, ecKeys, pkcs8, SLEEP } from './pki.js';

const issuer = { keys: ecKeys(), subject: 'root' };

/** A leaf for the key, as a CA makes it of its CSR. */
function leafFor(pkcs8Key: Buffer): ChainLink {
  const privateKey = createPrivateKey({ key: pkcs8Key, format: 'der', type: 'pkcs8' });
  return new ChainLink(
    certificate({ keys: { privateKey, publicKey: createPublicKey(privateKey) }, subject: '', issuer }),
  );
}

for (const { kind, prepare } of IMPLEMENTATIONS) {
  for (const keyType of ['ec-p256', 'ec-p384'] as const) {
    t.test(`a key of ${keyType} that ${kind} has prepared is plain, and that of its own leaf alone`, async (t) => {
      const { privateKey: one } = prepare({ spiffeId: SLEEP, keyType });
      const { privateKey: other } = prepare({ spiffeId: SLEEP, keyType });
      t.equal(isPlainKeyOf(leafFor(one), one), true);
      t.equal(isPlainKeyOf(leafFor(one), other), false);
    });
  }
}

t.test('whatever is taken for plain, OpenSSL takes for the key of the leaf, too', async (t) => {
  const key = pkcs8(ecKeys().privateKey);
  const leaf = leafFor(key);
  const random = seededRandom(1);
  const changed = Array.from({ length: 2000 }, () => {
    const copy = Buffer.from(key);
    copy.writeUInt8(Math.floor(random() * 256), Math.floor(random() * key.length));
    return copy;
  });
  const taken = changed.filter((one) => isPlainKeyOf(leaf, one));
  t.ok(taken.length > 100, `${taken.length} of them`);
  for (const one of taken) {
    t.ok(leaf.certificate.checkPrivateKey(createPrivateKey({ key: one, format: 'der', type: 'pkcs8' })));
  }
});

t.test('a leaf of another kind of key is left to OpenSSL', async (t) => {
  const key = pkcs8(ecKeys().privateKey);
  for (const curve of ['P-384', 'P-521', 'secp256k1']) {
    t.equal(isPlainKeyOf(new ChainLink(certificate({ keys: ecKeys(curve), subject: '', issuer })), key), false);
  }
});
