import { createPrivateKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readRevocationList } from '../../../src/agent/files/revocation-list.js';
import { openSigner, Signer } from '../../../src/hotpath/index.js';
import { encodePem, makeSelfSignedRoot, writeRevocationList } from '../../../src/pki/x509/index.js';
import { certificate, ecKeys, HOUR_MS, NOW_MS, openssl, pem } from '../../hotpath/pki.js';

for (const keyType of ['ec-p256', 'ec-p384'] as const) {
  t.test(
    `a list of ${keyType} is one of RFC 5280 to openssl, and openssl refuses the leaves on it alone`,
    async (t) => {
      const root = makeSelfSignedRoot({
        ...{ keyType, organization: 'cluster.local' },
        ...{ notBeforeMs: NOW_MS - HOUR_MS, notAfterMs: NOW_MS + 87_600 * HOUR_MS },
      });
      const signer = openSigner(Signer.load(root.certificatePem, root.privateKeyPem));
      const rootKeys = { keys: { privateKey: createPrivateKey(root.privateKeyPem), publicKey: ecKeys().publicKey } };
      const issuer = { ...rootKeys, subject: 'cluster.local' };
      const leaf = () =>
        certificate({ keys: ecKeys(), subject: '', issuer, uris: ['spiffe://cluster.local/ns/a/sa/b'] });
      const [revoked, held, good] = [leaf(), leaf(), leaf()];
      const list = (serials: readonly string[]) =>
        writeRevocationList(signer, {
          ...{ number: 300, thisUpdateMs: NOW_MS - HOUR_MS, nextUpdateMs: NOW_MS + 24 * HOUR_MS },
          revoked: serials.map((serial, at) => {
            return { serial, revokedAtMs: NOW_MS, reason: at === 0 ? ('keyCompromise' as const) : 'unspecified' };
          }),
        });
      const der = await list([revoked.serialNumber, held.serialNumber]);
      const directory = t.testdir();
      const file = (name: string, content: Buffer): string => {
        writeFileSync(join(directory, name), content);
        return join(directory, name);
      };
      const rootFile = file('root.pem', root.certificatePem);
      const crlFile = file('crl.pem', encodePem('X509 CRL', der));
      const text = openssl(['crl', '-text', '-noout', '-in', crlFile]);
      t.match(text, /Version 2/);
      t.match(text, /X509v3 CRL Number: \s+300\n/);
      t.match(text, /X509v3 Authority Key Identifier: \s+([0-9A-F]{2}:){19}[0-9A-F]{2}|keyid:/);
      t.match(text, /X509v3 CRL Reason Code: \s+Key Compromise/);
      t.equal(text.match(/Reason Code/g)?.length, 1, 'unspecified has no extension');
      t.equal(text.match(/critical/g), null);
      const at = String(NOW_MS / 1000 + 60);
      const verify = ['verify', '-crl_check', '-attime', at, '-CAfile', rootFile, '-CRLfile', crlFile];
      t.match(openssl([...verify, file('good.pem', pem(good))]), /: OK/);
      for (const [name, one] of Object.entries({ revoked, held })) {
        t.throws(() => openssl([...verify, file(`${name}.pem`, pem(one))]), /certificate revoked/);
      }

      const read = readRevocationList(der);
      t.ok(read?.revokes(revoked.serialNumber) && !read.revokes(good.serialNumber));
      t.equal(read?.nextUpdateMs, NOW_MS + 24 * HOUR_MS);
      const empty = openssl(['crl', '-text', '-noout'], encodePem('X509 CRL', await list([])));
      t.match(empty, /No Revoked Certificates/);
    },
  );
}
