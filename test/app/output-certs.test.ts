import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { mismatchOf, readWhole } from '../support/output-sets.js';
import { shortDir } from '../support/short-dir.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { StatusReader } from '../support/status-reader.js';
import { TestCa } from '../support/test-ca.js';

/** Renewed after some two seconds, long before it expires, however slow the machine is. */
const LIFE_MS = 60_000;
const SOON = { 'renew-at': '0.04' };

t.test('the files follow each rotation, with no stream on the socket', async (t) => {
  const path = join(shortDir(t), 'certs');
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'issues', lifeMs: LIFE_MS };
  const { logger } = await startSidecarAgent(t, { ca, flags: { 'output-certs': path, ...SOON } });
  for (const count of [1, 2, 3]) {
    const { fields } = await logger.until('svid files written', count);
    const set = readWhole(path);
    t.equal(mismatchOf(set), undefined, `after ${fields.serial}`);
    t.match(set.key, /^-----BEGIN PRIVATE KEY-----\n/, 'PKCS#8');
    t.ok(set.root.includes(ca.rootPem.toString().trim()));
  }
  const serials = logger.of('svid files written').map(({ fields }) => fields.serial);
  t.equal(new Set(serials).size, serials.length, 'each is another one');
  t.equal(statSync(join(path, 'key.pem')).mode & 0o777, 0o600);
  t.equal(logger.of('private keys are written to a disk, expected a file system in memory (tmpfs)').length, 1);
});

t.test('a new root comes with the old one, and the leaf of the new root after it', async (t) => {
  const path = shortDir(t);
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'issues', lifeMs: LIFE_MS };
  const { logger } = await startSidecarAgent(t, { ca, flags: { 'output-certs': path, ...SOON } });
  await logger.until('svid files written');
  const root = TestCa.root('the next root');
  ca.fault = { kind: 'issues', lifeMs: LIFE_MS, signer: root.intermediate(), roots: root.certificatePem.toString() };
  await logger.until('trust bundle changed');
  const bundles: number[] = [];
  for (let count = 2; !readWhole(path).root.includes(root.certificatePem.toString().trim()); count += 1) {
    await logger.until('svid files written', count);
  }
  const set = readWhole(path);
  bundles.push(set.root.split('BEGIN CERTIFICATE').length - 1);
  t.strictSame(bundles, [2], 'both roots');
  t.equal(mismatchOf(set), undefined);
});

for (const hotPath of ['auto', 'js']) {
  for (const keyType of ['ec-p256', 'rsa-2048']) {
    t.test(`the ${keyType} key of a private key provider is a plain file here, with ${hotPath}`, async (t) => {
      const path = shortDir(t);
      const flags = { 'output-certs': path, 'output-certs-mode': '0440', 'private-key-provider': 'cryptomb' };
      const { logger } = await startSidecarAgent(t, { flags: { ...flags, 'hot-path': hotPath, 'key-type': keyType } });
      await logger.until('svid files written');
      t.equal(mismatchOf(readWhole(path)), undefined);
      t.equal(statSync(join(path, 'key.pem')).mode & 0o777, 0o440);
    });
  }
}

t.test('a directory that cannot be written is in the status, and SDS goes on', async (t) => {
  const { ask, logger } = await startSidecarAgent(t, {
    flags: { 'output-certs': '/proc/none', 'status-address': '127.0.0.1:0' },
  });
  await logger.until('svid files not written');
  t.strictSame((await ask('default', 'ROOTCA')).response.names.toSorted(), ['ROOTCA', 'default']);
  const pages = new StatusReader(logger);
  t.match((await pages.status()).output_certs, {
    ...{ path: '/proc/none', state: 'failing', last_failure: { code: 'ERR_OUTPUT_FAILED', error: /ENOENT/ } },
  });
  t.equal((await pages.page('/healthz/ready')).code, 200);
  t.match((await pages.page('/metrics')).text, /sidecert_output_writes_total\{code="ERR_OUTPUT_FAILED"\} \d/);
});

t.test('without the flag there is neither a file nor a section of the status', async (t) => {
  const { logger } = await startSidecarAgent(t, { flags: { 'status-address': '127.0.0.1:0' } });
  await logger.until('svid issued');
  t.notOk('output_certs' in (await new StatusReader(logger).status()));
  t.strictSame(readdirSync(shortDir(t)), []);
});

t.test('who is told of a rotation finds the new files', async (t) => {
  const [path, socket] = [shortDir(t), join(shortDir(t), 's')];
  const found: { readonly told: string; readonly read: string }[] = [];
  const server = createServer((connection) => {
    connection.on('data', (line) => {
      const { serialNumber } = new X509Certificate(readWhole(path).chain);
      found.push({ told: JSON.parse(String(line)).serial, read: serialNumber.toLowerCase() });
    });
  }).listen(socket);
  t.teardown(() => server.close());
  await once(server, 'listening');
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'issues', lifeMs: LIFE_MS };
  const flags = { 'output-certs': path, 'on-rotate': `unix:${socket}`, 'status-address': '127.0.0.1:0', ...SOON };
  const { logger } = await startSidecarAgent(t, { ca, flags });
  await logger.until('told of new svid files', 3);
  t.ok(found.length >= 2);
  const written = logger.of('svid files written').map(({ fields }) => fields.serial);
  for (const { told, read } of found) {
    t.ok(written.includes(told));
    t.ok(written.indexOf(read) >= written.indexOf(told), 'those that it was told of, or newer ones');
  }
  const { output_certs: shown } = (await new StatusReader(logger).status()) as { output_certs: object };
  t.match(shown, { state: 'written', notices: [{ target: `unix:${socket}`, sent_at: /^20/, failed_tries: 0 }] });
});

t.test(
  "a virtual machine renews by the files that the agent itself writes: Istio's PROV_CERT and OUTPUT_CERTS in one",
  async (t) => {
    const root = TestCa.root();
    const ca = await FakeCaServer.start(t, { root, clients: { ca: root, isRequired: true } });
    ca.fault = { kind: 'issues', lifeMs: LIFE_MS };
    const path = shortDir(t);
    const first = root.server();
    const files = { 'cert-chain.pem': first.certPem, 'key.pem': first.keyPem, 'root-cert.pem': ca.rootPem };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content, { mode: 0o600 });
    const { logger } = await startSidecarAgent(t, {
      ca,
      flags: {
        'ca-root': [],
        'ca-client-cert': path,
        'output-certs': path,
        'token-file': join(path, 'none'),
        ...SOON,
      },
    });
    const shown = [new X509Certificate(first.certPem).serialNumber];
    for (const count of [1, 2, 3]) {
      const { fields } = await logger.until('svid files written', count);
      shown.push(String(fields.serial).toUpperCase());
      t.equal(mismatchOf(readWhole(path)), undefined);
    }
    t.strictSame(
      ca.calls.slice(0, 3).map(({ clientSerial }) => clientSerial),
      shown.slice(0, 3),
      'each renewal shows the certificate before it',
    );
  },
);

t.test('what writes files is loaded only with the flag', async (t) => {
  const directory = fileURLToPath(new URL('../../../src/app/', import.meta.url));
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const loaders = names.filter((name) => {
    const text = readFileSync(join(directory, name), 'utf8');
    const atOnce = [...text.matchAll(/^import (type )?[^;]*? from '([^']+)';/gm)].filter(
      ([, type]) => type === undefined,
    );
    return atOnce.some(([, , from = '']) => /agent\/output\/|\/output-certs\.js$/.test(from));
  });
  t.strictSame(loaders, ['agent/output-certs.ts'], 'all others name its types, or import it later');
});
