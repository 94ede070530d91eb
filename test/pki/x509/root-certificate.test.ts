import { createPrivateKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Signer } from '../../../src/hotpath/index.js';
import { makeSelfSignedRoot } from '../../../src/pki/x509/index.js';
import { HOUR_MS, NOW_MS, openssl } from '../../hotpath/pki.js';

for (const keyType of ['ec-p256', 'ec-p384'] as const) {
  t.test(`a self-signed root of ${keyType} is a CA certificate to openssl and to Node`, async (t) => {
    const { certificatePem, privateKeyPem } = makeSelfSignedRoot({
      keyType,
      organization: 'cluster.local',
      notBeforeMs: NOW_MS,
      notAfterMs: NOW_MS + 87_600 * HOUR_MS,
    });

    const certificate = new X509Certificate(certificatePem);
    t.ok(certificate.ca);
    t.ok(certificate.verify(certificate.publicKey));
    t.equal(certificate.subject, 'O=cluster.local');
    t.equal(Date.parse(certificate.validTo), NOW_MS + 87_600 * HOUR_MS);
    t.ok(certificate.checkPrivateKey(createPrivateKey(privateKeyPem)));
    t.ok(Signer.load(certificatePem, privateKeyPem));
    const text = openssl(['x509', '-text', '-noout'], certificatePem);
    t.match(text, /Key Usage: critical\s+Certificate Sign, CRL Sign/);
    t.match(text, /Basic Constraints: critical\s+CA:TRUE\s/);
    t.match(text, /Subject Key Identifier: \s+([0-9A-F]{2}:){19}[0-9A-F]{2}/);
    const file = join(t.testdir(), 'root.pem');
    writeFileSync(file, certificatePem);
    const at = String(NOW_MS / 1000 + 60);
    t.match(openssl(['verify', '-x509_strict', '-check_ss_sig', '-attime', at, '-CAfile', file, file]), /: OK/);
  });
}
