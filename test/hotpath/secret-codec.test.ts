import t from 'tap';
import { bundlePemOf, certificatePemOf, encodeBundleSecret } from '../../src/hotpath/index.js';
import { encodeCertificateSecret } from '../../src/hotpath/secret-codec.js';
import { encodePem } from '../../src/pki/x509/index.js';

t.test('what is written into a secret is read from it, whatever its length', async (t) => {
  for (const length of [1, 100, 127, 128, 129, 5000, 16_383, 16_384, 40_000]) {
    const chain = Buffer.alloc(length, 'c');
    const der = Buffer.alloc(length, 7);
    const { chainPem, keyPem } = certificatePemOf(encodeCertificateSecret(chain, { label: 'PRIVATE KEY', der }));
    t.ok(chainPem.equals(chain), `a chain of ${length} octets`);
    t.ok(keyPem.equals(encodePem('PRIVATE KEY', der)), `a key of ${length} octets`);
    t.ok(bundlePemOf(encodeBundleSecret(chain)).equals(chain), `a bundle of ${length} octets`);
  }
});
