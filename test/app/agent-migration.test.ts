import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status as GrpcStatus } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { TrustBundle } from '../../src/pki/spiffe/index.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { metricProblems } from '../support/metric-lint.js';
import { istioFiles, type MountedFiles, mountedFiles } from '../support/mounted-identity.js';
import type { SdsResponse } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { SLEEP, startSidecarAgent } from '../support/sidecar-agent.js';
import { StatusReader } from '../support/status-reader.js';
import { TestCa } from '../support/test-ca.js';

const AWAY = { kind: 'reject', code: GrpcStatus.UNAVAILABLE } as const;

/** An agent beside mounted files and a CA of another root. */
async function setUp(
  t: Test,
  step: string,
  { set, ca, stepFile }: { set?: MountedFiles; ca: FakeCaServer & { address: string }; stepFile?: string },
) {
  const directory = shortDir(t);
  for (const [name, content] of Object.entries(set === undefined ? {} : istioFiles(set)))
    writeFileSync(join(directory, name), content);
  const flags = {
    ...{ 'identity-source': 'file,ca', 'identity-dir': directory, 'migration-step': step },
    ...(stepFile !== undefined && { 'migration-step-file': stepFile }),
    'status-address': '127.0.0.1:0',
  };
  const agent = await startSidecarAgent(t, { ca, flags });
  return { agent, directory, pages: new StatusReader(agent.logger) };
}

/** How many roots the last response has. */
function rootCount(response: SdsResponse): number {
  const secret = response.secrets.find(({ name }) => name === 'ROOTCA');
  const pem = secret?.validationContext?.trustedCa?.inlineBytes ?? [];
  return TrustBundle.parsePem(Buffer.from(pem)).size;
}

t.test('an agent serves mounted files while the CA is away, and what that issues when it is back', async (t) => {
  const ca = await FakeCaServer.start(t, { root: TestCa.root('new root') });
  const set = mountedFiles({ ca: TestCa.root('old root') });
  ca.fault = AWAY;
  const { agent, directory, pages } = await setUp(t, 'ca', { set, ca });
  const certificates = agent.connect();
  certificates.request({ names: ['default'], nodeId: 'test' });
  const mounted = await certificates.expectResponse();
  certificates.ack(mounted);
  const bundles = agent.connect();
  bundles.request({ names: ['ROOTCA'], nodeId: 'test' });
  const old = await bundles.expectResponse();
  bundles.ack(old);
  t.equal(rootCount(old), 1);
  t.match((await pages.status()).identities, [{ spiffe_id: SLEEP, svid: 'valid', serial: set.serial }]);

  ca.fault = { kind: 'none' };
  const union = await bundles.expectResponse();
  t.equal(rootCount(union), 2);
  t.match((await pages.status()).migration, {
    ...{ step: 'ca', served: 'files', reason: 'streams have not acknowledged the trust bundle' },
    ...{ roots: { served: 2, files: 1, ca: 1 }, ca_roots_are_mounted: false },
    sources: { files: { svid: 'valid', serial: set.serial }, ca: { svid: 'valid' } },
  });
  bundles.ack(union);
  certificates.ack(await certificates.expectResponse());
  await agent.logger.until('identity source changed', 2);
  const { migration, identities } = await pages.status();
  t.match(migration, { served: 'ca', reason: 'migration step' });
  t.notMatch(identities, [{ serial: set.serial }]);
  const { text } = await pages.page('/metrics');
  t.strictSame(metricProblems(text), []);
  t.match(text, /^sidecert_identity_source\{source="ca"\} 1$/m);
  t.match(text, /^sidecert_identity_source\{source="files"\} 0$/m);

  for (const file of readdirSync(directory)) rmSync(join(directory, file));
  await agent.logger.until('secret files refused, the last good content stays');
  t.match(await pages.page('/healthz/ready'), { code: 200 });
  const { response } = await agent.ask('default', 'ROOTCA');
  t.equal(rootCount(response), 2, 'peers may have leaves of the mounted root');
});

t.test('at the step of the files the CA is asked, and only its roots are served', async (t) => {
  const ca = await FakeCaServer.start(t, { root: TestCa.root('new root') });
  const set = mountedFiles({ ca: TestCa.root('old root') });
  const { agent, pages } = await setUp(t, 'files', { set, ca });
  const { response } = await agent.ask('default', 'ROOTCA');
  t.equal(rootCount(response), 2, 'both roots from the first response on');
  const { migration, identities } = await pages.status();
  t.match(identities, [{ serial: set.serial }]);
  t.match(migration, { step: 'files', served: 'files', reason: 'migration step', sources: { ca: { svid: 'valid' } } });
});

t.test('without the files an agent of the migration serves what one of the CA does', async (t) => {
  const ca = await FakeCaServer.start(t, { root: TestCa.root('new root') });
  const { agent, pages } = await setUp(t, 'files', { ca });
  const { response } = await agent.ask('default', 'ROOTCA');
  t.equal(rootCount(response), 1);
  const { migration } = await pages.status();
  t.match(migration, { step: 'files', served: 'ca', reason: 'source of the step has no valid certificate' });
  t.match(migration, { held_up_by: [] }, 'there is nothing to wait for');
});

/** A step file that says this, if anything. */
function stepFileOf(t: Test, content?: string): string {
  const path = join(shortDir(t), 'migration-step');
  if (content !== undefined) writeFileSync(path, content);
  return path;
}

t.test('the file of the step comes before the flag, and takes each step while the agent runs', async (t) => {
  const ca = await FakeCaServer.start(t, { root: TestCa.root('new root') });
  const set = mountedFiles({ ca: TestCa.root('old root') });
  const stepFile = stepFileOf(t, 'files\n');
  const { agent, pages } = await setUp(t, 'ca', { set, ca, stepFile });
  const { stream, response } = await agent.ask('default', 'ROOTCA');
  t.equal(rootCount(response), 2);
  t.match((await pages.status()).migration, { step: 'files', step_file: stepFile, served: 'files', held_up_by: [] });
  const before = Date.parse(((await pages.status()).migration as { step_since: string }).step_since);

  writeFileSync(stepFile, 'ca');
  await agent.logger.until('migration step taken');
  const leaf = await stream.expectResponse();
  t.notMatch(leaf.secrets, [{ name: 'ROOTCA' }], 'the leaf alone');
  t.match((await pages.status()).migration, {
    ...{ step: 'ca', served: 'ca' },
    held_up_by: [{ code: 'unacknowledged', detail: 'a stream of Envoy has not acknowledged default, ROOTCA' }],
  });
  stream.ack(leaf);
  writeFileSync(stepFile, 'ca-only');
  const roots = await stream.expectResponse();
  t.equal(rootCount(roots), 1);
  stream.ack(roots);
  await agent.logger.until('migration step taken', 2);
  const { migration } = (await pages.status()) as { migration: { step_since: string } };
  t.match(migration, { step: 'ca-only', served: 'ca', roots: { served: 1, files: 1, ca: 1 } });
  t.ok(Date.parse(migration.step_since) > before);
});

t.test('a file that says no step changes nothing, and is told as what holds it up', async (t) => {
  const ca = await FakeCaServer.start(t, { root: TestCa.root('new root') });
  const set = mountedFiles({ ca: TestCa.root('old root') });
  const stepFile = stepFileOf(t);
  const { agent, pages } = await setUp(t, 'files', { set, ca, stepFile });
  await agent.ask('default', 'ROOTCA');
  t.match((await pages.status()).migration, { step: 'files', held_up_by: [] }, 'without it that of the flag');
  writeFileSync(stepFile, 'ca');
  await agent.logger.until('migration step taken');
  writeFileSync(stepFile, 'backwards');
  await agent.logger.until('migration step file is not used, the step stays');
  const { migration } = (await pages.status()) as { migration: { held_up_by: object[] } };
  t.match(migration, { step: 'ca', step_file_problem: /got "backwards", expected one of files, ca, ca-only/ });
  t.match(migration.held_up_by[0], { code: 'step_file', detail: /got "backwards"/ });
  rmSync(stepFile);
  await agent.logger.until('migration step file is not used, the step stays', 2);
  t.match((await pages.status()).migration, { step: 'ca' });
});

t.test('an Envoy that is not there, and a CA that refuses, hold a step up', async (t) => {
  const ca = await FakeCaServer.start(t, { root: TestCa.root('new root') });
  ca.fault = AWAY;
  const set = mountedFiles({ ca: TestCa.root('old root') });
  const { pages } = await setUp(t, 'ca', { set, ca });
  t.match((await pages.status()).migration, {
    held_up_by: [
      { code: 'ca_certificate', detail: /^there is no valid certificate of the CA/ },
      { code: 'not_served', detail: /^the certificate of the CA is not served: / },
      { code: 'no_envoy', detail: 'no Envoy asks for its secrets' },
    ],
  });
});
