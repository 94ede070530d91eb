import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { CancelSource } from '../../src/cancellation/index.js';
import { IdentityError } from '../../src/errors/index.js';
import { type HotPathKind, loadPooledHotPath, type RemoteKey, Signer } from '../../src/hotpath/index.js';
import { opensslRoot, ROOT_KEY_TYPES } from '../support/openssl-root.js';
import { NO_ADDON } from './implementations.js';
import { HOUR_MS, openssl, SLEEP } from './pki.js';

const nowMs = Date.now();

/** Signs as a token does, and keeps what it was given. */
function remoteKeyOf(privateKeyPem: Buffer): RemoteKey & { readonly given: Buffer[] } {
  const key = createPrivateKey(privateKeyPem);
  const given: Buffer[] = [];
  return {
    ...{ name: 'pkcs11:token=mesh', given },
    async sign(toBeSigned, { hash }) {
      given.push(toBeSigned);
      return sign(hash, toBeSigned, key);
    },
  };
}

async function openPool(t: Test, kind: HotPathKind) {
  const times = { idleTimeoutMs: 0, taskTimeoutMs: 60_000 };
  const hotPath = await loadPooledHotPath({ kind, threads: { min: 1, max: 1 }, maxQueue: 16, ...times });
  t.teardown(() => hotPath.close());
  const { csrPem } = await hotPath.prepare({ spiffeId: SLEEP, keyType: 'ec-p256' });
  const request = { csrPem, subjectAltNames: [SLEEP], notBeforeMs: nowMs - 120_000, notAfterMs: nowMs + HOUR_MS };
  return { hotPath, request };
}

const kinds = [
  { kind: 'js', skip: false },
  { kind: 'native', skip: NO_ADDON },
] as const;

for (const { kind, skip } of kinds) {
  for (const keyType of ROOT_KEY_TYPES) {
    t.test(`${kind}: a key elsewhere (${keyType}) signs leaves as one that is here`, { skip }, async (t) => {
      const root = opensslRoot(keyType);
      const remoteKey = remoteKeyOf(root.privateKeyPem);
      const remote = await Signer.withRemoteKey(root.certificatePem, remoteKey, 'ca-cert.pem');
      const local = Signer.load(root.certificatePem, root.privateKeyPem);
      const { hotPath, request } = await openPool(t, kind);
      const [elsewhere, here] = await Promise.all([
        hotPath.issue({ ...request, signer: remote }),
        hotPath.issue({ ...request, signer: local }),
      ]);
      t.equal(elsewhere.requestedUri, SLEEP);
      const directory = t.testdir({ 'root.pem': root.certificatePem });
      const [leaf, other] = [join(directory, 'leaf.pem'), join(directory, 'other.pem')];
      writeFileSync(leaf, elsewhere.leafPem);
      writeFileSync(other, here.leafPem);
      t.match(openssl(['verify', '-x509_strict', '-CAfile', join(directory, 'root.pem'), leaf]), /OK/);
      t.match(new X509Certificate(elsewhere.leafPem).serialNumber.toLowerCase(), elsewhere.serial);
      const text = (path: string): string =>
        openssl(['x509', '-in', path, '-noout', '-text', '-certopt', 'no_sigdump,no_serial']);
      t.equal(text(leaf), text(other));
      t.equal(remoteKey.given.length, 2, 'once to prove that it belongs, once for the leaf');
    });
  }
}

t.test('the key of another certificate is refused', async (t) => {
  const [one, other] = [opensslRoot('ec-p256'), opensslRoot('ec-p256')];
  await t.rejects(Signer.withRemoteKey(one.certificatePem, remoteKeyOf(other.privateKeyPem), 'ca-cert.pem'), {
    code: 'ERR_SIGNER_INVALID',
    message: 'pkcs11:token=mesh: got another private key than that of ca-cert.pem',
  });
});

t.test('what the key says is what the caller gets, and a bad CSR never comes to it', async (t) => {
  const root = opensslRoot('ec-p256');
  const remoteKey = remoteKeyOf(root.privateKeyPem);
  const signer = await Signer.withRemoteKey(root.certificatePem, remoteKey, 'ca-cert.pem');
  const { hotPath, request } = await openPool(t, 'js');
  await t.rejects(hotPath.issue({ ...request, csrPem: Buffer.from('x'), signer }), { code: 'ERR_CSR_INVALID' });
  t.equal(remoteKey.given.length, 1);
  remoteKey.sign = async () => {
    throw new IdentityError('ERR_CA_KEY_UNAVAILABLE', 'away');
  };
  await t.rejects(hotPath.issue({ ...request, signer }), { code: 'ERR_CA_KEY_UNAVAILABLE', message: 'away' });
});

t.test('a caller that is gone by then takes no time of the key', async (t) => {
  const root = opensslRoot('ec-p256');
  const remoteKey = remoteKeyOf(root.privateKeyPem);
  const signer = await Signer.withRemoteKey(root.certificatePem, remoteKey, 'ca-cert.pem');
  const { hotPath, request } = await openPool(t, 'js');
  const signal = new CancelSource();
  const issued = hotPath.issue({ ...request, signer }, { signal });
  signal.cancel();
  await t.rejects(issued, { code: 'ERR_CANCELLED' });
  t.equal(remoteKey.given.length, 1);
});
