import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { mismatchOf, readByName } from '../support/output-sets.js';
import { shortDir } from '../support/short-dir.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { StatusReader } from '../support/status-reader.js';
import { TestCa } from '../support/test-ca.js';

t.test('the files follow each rotation, with no stream on the socket', async (t) => {
  const path = join(shortDir(t), 'certs');
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'issues', lifeMs: 4000 };
  const { logger } = await startSidecarAgent(t, { ca, flags: { 'output-certs': path } });
  const keys = new Set<string>();
  const PKCS8 = /^-----BEGIN PRIVATE KEY-----\n/;
  for (const count of [1, 2, 3]) {
    const { fields } = await logger.until('svid files written', count);
    const set = readByName(path);
    t.equal(mismatchOf(set), undefined, `after ${fields.serial}`);
    t.ok(set.root.includes(ca.rootPem.toString().trim()));
    t.match(set.key, PKCS8);
    keys.add(set.key);
  }
  t.equal(keys.size, 3, 'each with a key of its own');
  t.equal(statSync(join(path, 'key.pem')).mode & 0o777, 0o600);
  t.equal(logger.of('private keys are written to a disk, expected a file system in memory (tmpfs)').length, 1);
});

t.test('a new root comes with the old one, and the leaf of the new root after it', async (t) => {
  const path = shortDir(t);
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'issues', lifeMs: 4000 };
  const { logger } = await startSidecarAgent(t, { ca, flags: { 'output-certs': path } });
  await logger.until('svid files written');
  const root = TestCa.root('the next root');
  ca.fault = { kind: 'issues', lifeMs: 4000, signer: root.intermediate(), roots: root.certificatePem.toString() };
  await logger.until('trust bundle changed');
  const bundles: number[] = [];
  for (let count = 2; !readByName(path).root.includes(root.certificatePem.toString().trim()); count += 1) {
    await logger.until('svid files written', count);
  }
  const set = readByName(path);
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
      t.equal(mismatchOf(readByName(path)), undefined);
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
  const found: string[] = [];
  const server = createServer((connection) => {
    const { serialNumber } = new X509Certificate(readByName(path).chain);
    connection.on('data', (line) => found.push(`${JSON.parse(String(line)).serial.toUpperCase() === serialNumber}`));
  }).listen(socket);
  t.teardown(() => server.close());
  await once(server, 'listening');
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'issues', lifeMs: 4000 };
  const flags = { 'output-certs': path, 'on-rotate': `unix:${socket}`, 'status-address': '127.0.0.1:0' };
  const { logger } = await startSidecarAgent(t, { ca, flags });
  await logger.until('told of new svid files', 3);
  t.ok(found.length >= 2);
  t.ok(found.every((same) => same === 'true'));
  const { output_certs: shown } = (await new StatusReader(logger).status()) as { output_certs: object };
  t.match(shown, { state: 'written', notices: [{ target: `unix:${socket}`, sent_at: /^20/, failed_tries: 0 }] });
});
