import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { startCitadel } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { authorityDirectory, pemOf } from '../support/authority-files.js';
import { CitadelCaller, SERVER_NAME } from '../support/citadel-caller.js';
import { openHotPath } from '../support/hot-path.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { StatusReader } from '../support/status-reader.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

const hotPath = openHotPath();
const RELOADED = 'signing authority reloaded';
const REFUSED = 'signing authority could not be reloaded, the last good one stays';

/** A Citadel with these files, on a real port, and a caller whose connection lives through all that happens. */
async function serve(t: Test, caDirectory: string, roots: readonly TestCa[]) {
  const directory = shortDir(t);
  const issuer = new TokenIssuer();
  const [jwks, rootOut] = [join(directory, 'jwks.json'), join(directory, 'root.pem')];
  writeFileSync(jwks, JSON.stringify(issuer.jwks));
  const logger = new RecordingLogger();
  const config = settings(COMMANDS.citadel, {
    ...{ listen: '127.0.0.1:0', 'ca-dir': caDirectory, jwks, 'token-issuer': issuer.issuer, 'root-cert-out': rootOut },
    'status-address': '127.0.0.1:0',
  });
  const citadel = await startCitadel(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
  t.teardown(() => citadel.close());
  const caller = new CitadelCaller(t, { address: citadel.address, rootPem: pemOf(roots) });
  const csr = String(
    (await hotPath.prepare({ spiffeId: 'spiffe://cluster.local/ns/foo/sa/a', keyType: 'ec-p256' })).csrPem,
  );
  const token = await issuer.token('foo', 'a');
  return {
    ...{ logger, caller, token, rootOut, address: citadel.address },
    status: new StatusReader(logger),
    /** What a caller gets now: its leaf, and the roots. */
    async issue() {
      const answer = await caller.call({ token, csr });
      t.equal(answer.code, status.OK);
      const roots = String(answer.elements.at(-1)).match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----\n/g) ?? [];
      return { leaf: new X509Certificate(answer.elements[0] ?? ''), elements: answer.elements, roots };
    },
  };
}

const writeFiles = (directory: string, files: Readonly<Record<string, Buffer | string>>): void => {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
};

/** The certificate that a new connection is shown, when it trusts this root. */
async function shownTo(t: Test, address: string, root: TestCa): Promise<X509Certificate> {
  const [host = '', port] = address.split(':');
  const socket = connectTls({
    host,
    port: Number(port),
    servername: SERVER_NAME,
    ca: root.certificatePem,
    ALPNProtocols: ['h2'],
  });
  t.teardown(() => socket.destroy());
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const shown = socket.getPeerX509Certificate();
  if (shown === undefined) throw new Error('no certificate was shown');
  return shown;
}

t.test('files of another authority are in use as soon as they are whole, and for everything', async (t) => {
  const [old, next] = [TestCa.root('old'), TestCa.root('next')];
  const directory = authorityDirectory(t, { signer: old, roots: [old] });
  const { issue, logger, caller, token, status: pages, rootOut, address } = await serve(t, directory, [old, next]);
  const first = await issue();
  t.ok(first.leaf.verify(old.certificate.publicKey));

  await t.test('half of them, or garbage, changes nothing, which log and status tell', async (t) => {
    writeFiles(directory, { 'ca-cert.pem': next.certificatePem });
    t.match(await logger.until(REFUSED), { fields: { code: 'ERR_SIGNER_INVALID', error: /another private key/ } });
    t.match(JSON.parse((await pages.page('/status')).text), { authority: { problem: /another private key/ } });
    writeFiles(directory, { 'ca-key.pem': 'garbage' });
    await logger.until(REFUSED, 2);
    t.ok((await issue()).leaf.verify(old.certificate.publicKey));
    t.equal(logger.of(RELOADED).length, 0);
  });

  await t.test('leaf, roots, own certificate and the file for agents change together', async (t) => {
    const held = caller.bundle(token, (await caller.bundle(token)).version);
    writeFiles(directory, { 'root-cert.pem': pemOf([next, old]), 'ca-key.pem': next.privateKeyPem });
    await logger.until(RELOADED);
    const { leaf, roots } = await issue();
    t.ok(leaf.verify(next.certificate.publicKey));
    t.same(roots.sort(), [String(old.certificatePem), String(next.certificatePem)].sort());
    t.equal((await held).bundle, String(pemOf([next, old])), 'a call that waits for news has it');
    await logger.until('serving certificate issued', 2);
    t.ok((await shownTo(t, address, next)).verify(next.certificate.publicKey));
    while (!readFileSync(rootOut, 'utf8').includes(String(next.certificatePem))) await caller.bundle(token);
    t.notOk(JSON.parse((await pages.page('/status')).text).authority.problem);
  });

  await t.test('roots that go are worth a warning', async (t) => {
    writeFiles(directory, { 'root-cert.pem': next.certificatePem });
    t.match(
      await logger.until('roots are gone from the trust bundle: certificates below them are refused from now on'),
      {
        fields: { serial: old.certificate.serialNumber.toLowerCase() },
      },
    );
    t.same((await issue()).roots, [String(next.certificatePem)]);
  });

  await t.test('files that go leave the last good ones in use', async (t) => {
    renameSync(directory, `${directory}-away`);
    t.teardown(() => renameSync(`${directory}-away`, directory));
    await logger.until(REFUSED, 3);
    t.ok((await issue()).leaf.verify(next.certificate.publicKey));
  });
});

t.test('a volume of the kubelet switches all files at once', async (t) => {
  const [root, next] = [TestCa.root('root'), TestCa.root('next')];
  const [middle, other] = [root.intermediate('middle'), next.intermediate('other')];
  const directory = shortDir(t);
  const put = (version: string, ca: TestCa, above: TestCa): void => {
    mkdirSync(join(directory, `..${version}`));
    writeFiles(join(directory, `..${version}`), {
      ...{ 'tls.crt': ca.certificatePem, 'tls.key': ca.privateKeyPem, 'ca.crt': pemOf([above, root]) },
    });
    symlinkSync(`..${version}`, join(directory, '..new'));
    renameSync(join(directory, '..new'), join(directory, '..data'));
  };
  put('1', middle, root);
  for (const name of ['tls.crt', 'tls.key', 'ca.crt']) symlinkSync(`..data/${name}`, join(directory, name));
  const { issue, logger } = await serve(t, directory, [root]);
  t.ok((await issue()).leaf.verify(middle.certificate.publicKey));
  put('2', other, next);
  await logger.until(RELOADED);
  const { leaf, elements } = await issue();
  t.ok(leaf.verify(other.certificate.publicKey));
  t.equal(elements[1], String(other.certificatePem), 'with its own chain');
  t.equal(logger.of(REFUSED).length, 0);
});

t.test('who has which roots, and whose leaf is of which authority, is known by what was asked', async (t) => {
  const [old, next] = [TestCa.root('old'), TestCa.root('next')];
  const directory = authorityDirectory(t, { signer: old, roots: [old] });
  const { issue, logger, caller, token, status: pages } = await serve(t, directory, [old, next]);
  const fleet = async () => JSON.parse((await pages.page('/status')).text).fleet;
  const name = /^spiffe:\/\/cluster\.local\/ns\/foo\/sa\/a/;
  const [none, one] = [
    { count: 0, names: [] },
    { count: 1, names: [name] },
  ];
  t.match(await fleet(), { workloads: 0, with_other_roots: none, with_other_issuer: none });
  await issue();
  t.match(await fleet(), { workloads: 1, with_other_roots: none, with_other_issuer: none });
  writeFiles(directory, { 'root-cert.pem': pemOf([old, next]) });
  await logger.until(RELOADED);
  t.match(await fleet(), { with_other_roots: one, with_other_issuer: none });
  const { version } = await caller.bundle(token);
  t.match(await fleet(), { with_other_roots: one }, 'it was told, and may not have it');
  void caller.bundle(token, version, ['sidecar~a', 'sidecar~b']);
  while ((await fleet()).with_other_roots.count !== 2) await caller.bundle(token);
  t.match((await fleet()).with_other_roots.names, [
    /\(pod .*\): Envoy sidecar~a$|sa\/a: Envoy sidecar~a$/,
    /: Envoy sidecar~b$/,
  ]);
  void caller.bundle(token, version);
  while ((await fleet()).with_other_roots.count > 0) await caller.bundle(token);
  writeFiles(directory, { 'ca-cert.pem': next.certificatePem, 'ca-key.pem': next.privateKeyPem });
  await logger.until(RELOADED, 2);
  t.match(await fleet(), { workloads: 1, with_other_roots: none, with_other_issuer: one });
  await issue();
  // Its Envoys may serve the leaf before until their agent tells. (docs/adr/0060)
  const untold = { count: 1, names: [/: Envoys that its agent has not told of yet$/] };
  t.match(await fleet(), { workloads: 1, with_other_issuer: untold });
});
