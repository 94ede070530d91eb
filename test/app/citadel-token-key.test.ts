import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { startCitadel } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { openssl } from '../hotpath/pki.js';
import { CitadelCaller } from '../support/citadel-caller.js';
import { openHotPath } from '../support/hot-path.js';
import { opensslRoot, ROOT_KEY_TYPES, type RootKeyType } from '../support/openssl-root.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { NO_TOKENS, SoftHsm } from '../support/softhsm.js';
import { TokenIssuer } from '../support/test-tokens.js';

const skip = NO_TOKENS;
const hotPath = openHotPath();

/** A root whose key is in the token alone, and the directory with its certificates. */
function tokenRoot(t: Test, keyType: RootKeyType) {
  const root = opensslRoot(keyType);
  const hsm = new SoftHsm(t);
  hsm.import('citadel', root.privateKeyPem);
  const directory = shortDir(t);
  const files = { 'ca-cert.pem': root.certificatePem, 'root-cert.pem': root.certificatePem, 'cert-chain.pem': '' };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return { root, hsm, directory };
}

function citadelOf(t: Test, directory: string, uri: string, settingsBeside: Readonly<Record<string, string>> = {}) {
  const issuer = new TokenIssuer();
  const jwks = join(shortDir(t), 'jwks.json');
  writeFileSync(jwks, JSON.stringify(issuer.jwks));
  const logger = new RecordingLogger();
  const config = settings(COMMANDS.citadel, {
    ...{ listen: '127.0.0.1:0', 'ca-dir': directory, 'ca-key': uri, jwks, 'token-issuer': issuer.issuer },
    ...settingsBeside,
  });
  const start = () => startCitadel(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
  return { issuer, logger, start };
}

async function serve(t: Test, keyType: RootKeyType) {
  const { root, hsm, directory } = tokenRoot(t, keyType);
  const { issuer, logger, start } = citadelOf(t, directory, hsm.uri('citadel'));
  const citadel = await start();
  t.teardown(() => citadel.close());
  const caller = new CitadelCaller(t, { address: citadel.address, rootPem: root.certificatePem });
  const { csrPem } = await hotPath.prepare({ spiffeId: 'spiffe://cluster.local/ns/foo/sa/a', keyType: 'ec-p256' });
  const token = await issuer.token('foo', 'a');
  return { root, hsm, directory, logger, citadel, issue: () => caller.call({ token, csr: String(csrPem) }) };
}

for (const keyType of ROOT_KEY_TYPES) {
  t.test(`leaves by a key of type ${keyType} in a token verify by openssl`, { skip }, async (t) => {
    const { root, issue, logger } = await serve(t, keyType);
    const { code, elements } = await issue();
    t.equal(code, status.OK);
    const directory = t.testdir({ 'root.pem': root.certificatePem, 'leaf.pem': elements[0] ?? '' });
    const args = ['-CAfile', join(directory, 'root.pem'), join(directory, 'leaf.pem')];
    t.match(openssl(['verify', '-x509_strict', ...args]), /OK/);
    t.match(new X509Certificate(elements[0] ?? '').subjectAltName, /spiffe:\/\/cluster.local\/ns\/foo\/sa\/a/);
    t.notMatch(logger.text, /1234/, 'the PIN is not in the log');
  });
}

t.test('a token that is taken away stops issuing, and is used again when it is back', { skip }, async (t) => {
  const { hsm, issue, logger, citadel, directory, root } = await serve(t, 'ec-p256');
  t.equal((await issue()).code, status.OK);
  hsm.remove();
  const refused = await issue();
  t.equal(refused.code, status.UNAVAILABLE);
  t.match(await logger.until('CA key cannot be used, nothing is issued'), { level: 'error' });
  // New certificates of the directory are not taken while nothing proves that the key is theirs.
  writeFileSync(join(directory, 'root-cert.pem'), Buffer.concat([root.certificatePem, Buffer.from('\n')]));
  await citadel.reload?.();
  hsm.putBack();
  let answer = await issue();
  while (answer.code === status.UNAVAILABLE) answer = await issue();
  t.equal(answer.code, status.OK);
  t.match(await logger.until('CA key can be used again'), { level: 'info' });
});

t.test('revocation lists are signed by the token', { skip }, async (t) => {
  const { root, hsm, directory } = tokenRoot(t, 'ec-p256');
  const trail = shortDir(t);
  const citadel = await citadelOf(t, directory, hsm.uri('citadel'), { 'trail-dir': trail }).start();
  await citadel.close();
  const rootFile = join(t.testdir({ 'root.pem': root.certificatePem }), 'root.pem');
  const args = ['crl', '-in', join(trail, 'crl.pem'), '-CAfile', rootFile, '-noout', '-text'];
  t.match(spawnSync('openssl', args, { encoding: 'utf8' }), {
    stdout: /Signature Algorithm: ecdsa-with-SHA256/,
    stderr: /verify OK/,
  });
});

const refusals = [
  {
    name: 'a key beside the token',
    change: (directory: string) => writeFileSync(join(directory, 'ca-key.pem'), 'x'),
    error: { code: 'ERR_SIGNER_INVALID', message: /got ca-key.pem beside --ca-key/ },
  },
  {
    name: 'the certificate of another key',
    change: (directory: string) => writeFileSync(join(directory, 'ca-cert.pem'), opensslRoot('ec-p256').certificatePem),
    error: { code: 'ERR_SIGNER_INVALID', message: /got another private key than that of ca-cert.pem/ },
  },
  {
    name: 'the certificate of a key of another curve',
    change: (directory: string) => writeFileSync(join(directory, 'ca-cert.pem'), opensslRoot('ec-p384').certificatePem),
    error: { code: 'ERR_SIGNER_INVALID', message: /got another private key than that of ca-cert.pem/ },
  },
  {
    name: 'the certificate of a key of another type',
    change: (directory: string) =>
      writeFileSync(join(directory, 'ca-cert.pem'), opensslRoot('rsa-2048').certificatePem),
    error: { code: 'ERR_SIGNER_INVALID', message: /got one of type ec, expected rsa, as its certificate is/ },
  },
];
for (const { name, change, error } of refusals) {
  t.test(`a Citadel does not start with ${name}`, { skip }, async (t) => {
    const { directory, hsm } = tokenRoot(t, 'ec-p256');
    change(directory);
    await t.rejects(citadelOf(t, directory, hsm.uri('citadel')).start(), error);
  });
}

t.test('a Citadel makes no root where its key is in a token', { skip }, async (t) => {
  const { hsm } = tokenRoot(t, 'ec-p256');
  const { start } = citadelOf(t, join(shortDir(t), 'empty'), hsm.uri('citadel'));
  await t.rejects(start(), {
    code: 'ERR_SIGNER_INVALID',
    message: /expected ca-cert.pem, cert-chain.pem, root-cert.pem of the key pkcs11:token=mesh/,
  });
});
