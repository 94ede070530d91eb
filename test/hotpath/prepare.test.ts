import { createPrivateKey, createPublicKey } from 'node:crypto';
import t from 'tap';
import { loadOperation } from '../../src/hotpath/operation.js';
import { KEY_TYPES, type KeyType } from '../../src/pki/x509/index.js';
import { IMPLEMENTATIONS } from './implementations.js';
import { codeOf, derOf, openssl, SLEEP } from './pki.js';

const EXPECTED: Record<KeyType, { key: RegExp; signature: string }> = {
  'ec-p256': { key: /NIST CURVE: P-256/, signature: 'ecdsa-with-SHA256' },
  'ec-p384': { key: /NIST CURVE: P-384/, signature: 'ecdsa-with-SHA384' },
  'rsa-2048': { key: /Public-Key: \(2048 bit\)/, signature: 'sha256WithRSAEncryption' },
  'rsa-3072': { key: /Public-Key: \(3072 bit\)/, signature: 'sha256WithRSAEncryption' },
  'rsa-4096': { key: /Public-Key: \(4096 bit\)/, signature: 'sha256WithRSAEncryption' },
};

for (const implementation of IMPLEMENTATIONS) {
  t.test(`by ${implementation.kind}`, async (t) => {
    const { prepare } = implementation;
    for (const keyType of KEY_TYPES) {
      t.test(`openssl accepts the CSR of a key of type ${keyType}`, async (t) => {
        const { csrPem, privateKey } = prepare({ spiffeId: SLEEP, keyType });

        const text = openssl(['req', '-verify', '-text', '-noout'], csrPem);
        t.match(text, EXPECTED[keyType].key);
        t.match(text, `Signature Algorithm: ${EXPECTED[keyType].signature}`);
        const inHand = createPublicKey(createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }));
        t.equal(openssl(['req', '-pubkey', '-noout'], csrPem), inHand.export({ type: 'spki', format: 'pem' }));
      });
    }

    t.test('the CSR has the shape of the one of Istio', async (t) => {
      const { csrPem } = prepare({ spiffeId: SLEEP, keyType: 'ec-p256' });

      const text = openssl(['req', '-text', '-noout'], csrPem);
      t.match(text, /Version: 1 \(0x0\)/);
      t.match(text, new RegExp(`X509v3 Subject Alternative Name: critical\\s+URI:${SLEEP}\\s`));
      t.equal(text.match(/X509v3 /g)?.length, 1, 'no other extension is asked for');
      const parsed = openssl(['asn1parse', '-inform', 'DER'], derOf(csrPem));
      t.match(
        parsed,
        /organizationName\s+\d+:d=5 {2}hl=2 l= {3}0 prim: PRINTABLESTRING/,
        'O is an empty PrintableString',
      );
      t.equal(parsed.match(/:organizationName|:commonName/g)?.length, 1);
    });

    t.test('the CSRs of a batch are apart, and a bad item fails alone', async (t) => {
      const batch = await loadOperation(implementation.kind, 'prepare');
      const ids = [SLEEP, 'none', 'spiffe://td/a', 'spiffe://td/b'];
      const outcomes = batch(ids.map((spiffeId) => ({ spiffeId, keyType: 'ec-p256' })));
      t.match(outcomes, [{ ok: true }, { ok: false, code: 'ERR_SPIFFE_ID_INVALID' }, { ok: true }, { ok: true }]);
      const told = outcomes.map((outcome) =>
        outcome.ok ? openssl(['req', '-verify', '-text', '-noout'], outcome.value.csrPem) : '',
      );
      t.match(told, [`URI:${SLEEP}\n`, '', 'URI:spiffe://td/a\n', 'URI:spiffe://td/b\n']);
    });

    t.test('keys of several types in one batch come in its order', async (t) => {
      const batch = await loadOperation(implementation.kind, 'prepare');
      const keyTypes = ['ec-p384', 'rsa-2048', 'ec-p256', 'rsa-2048', 'ec-p256'] as const;
      const outcomes = batch(keyTypes.map((keyType, at) => ({ spiffeId: `spiffe://td/${at}`, keyType })));
      const bits = { 'rsa-2048': 2048, 'ec-p256': 256, 'ec-p384': 384 };
      for (const [at, outcome] of outcomes.entries()) {
        const told = outcome.ok ? openssl(['req', '-verify', '-text', '-noout'], outcome.value.csrPem) : '';
        t.match(told, `URI:spiffe://td/${at}\n`);
        t.match(told, `(${bits[keyTypes[at] ?? 'ec-p256']} bit)`);
      }
      t.equal(outcomes.length, keyTypes.length);
    });

    t.test('the key fills memory of its own, and no two are alike', async (t) => {
      const first = prepare({ spiffeId: SLEEP, keyType: 'ec-p256' });
      const second = prepare({ spiffeId: SLEEP, keyType: 'ec-p256' });
      t.equal(first.privateKey.buffer.byteLength, first.privateKey.length);
      t.notOk(first.privateKey.equals(second.privateKey));
    });

    t.test('what it cannot make is refused', async (t) => {
      const keyType = 'ed25519' as KeyType;
      t.equal(
        codeOf(() => prepare({ spiffeId: SLEEP, keyType })),
        'ERR_KEY_TYPE_UNSUPPORTED',
      );
      t.equal(
        codeOf(() => prepare({ spiffeId: 'https://x', keyType: 'ec-p256' })),
        'ERR_SPIFFE_ID_INVALID',
      );
    });
  });
}
