import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { SdsClient, SdsResponse } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { TestCa } from '../support/test-ca.js';

const [one, two] = ['one', 'two'].map((name) => String(TestCa.root(name).certificatePem)) as [string, string];
const expired = String(TestCa.root('expired', { notAfterMs: Date.now() - 3_600_000 }).certificatePem);

const rootsOf = ({ secrets }: SdsResponse): string => {
  const bundle = secrets.find(({ name }) => name === 'ROOTCA');
  return Buffer.from(bundle?.validationContext?.trustedCa?.inlineBytes ?? []).toString();
};

async function next(stream: SdsClient): Promise<string> {
  const response = await stream.expectResponse();
  stream.ack(response);
  return rootsOf(response);
}

t.test('extra roots stand in the first bundle, and follow their files', async (t) => {
  const directory = shortDir(t);
  const [first, second] = ['first.pem', 'second.pem'].map((name) => join(directory, name)) as [string, string];
  writeFileSync(first, `a comment\n${one}${expired}`);
  const { ca, ask, logger } = await startSidecarAgent(t, { flags: { 'extra-roots': [first, second] } });
  const { stream, response } = await ask('ROOTCA');
  t.equal(rootsOf(response), String(ca.rootPem) + one, 'without comments, and what has expired');
  t.match(logger.of('secret files refused'), [{ fields: { resource_name: 'extra roots', path: second } }]);

  writeFileSync(second, two);
  t.equal(await next(stream), String(ca.rootPem) + one + two);

  writeFileSync(first, 'garbage');
  const refused = await logger.until('secret files refused, the last good content stays');
  t.match(refused.fields, { path: first, code: 'ERR_BUNDLE_INVALID' });
  rmSync(second);
  await logger.until('secret files refused, the last good content stays', 2);
  t.equal(rootsOf((await ask('ROOTCA')).response), String(ca.rootPem) + one + two);
  t.equal(ca.calls.length, 1, 'no certificate was asked for');
});

t.test('an extra root that is taken out stays as long as leaves of it may live', async (t) => {
  const path = join(shortDir(t), 'extra.pem');
  writeFileSync(path, one + two);
  const { ca, ask, logger } = await startSidecarAgent(t, { flags: { 'extra-roots': path } });
  t.equal(rootsOf((await ask('ROOTCA')).response), String(ca.rootPem) + one + two);
  writeFileSync(path, two);
  await logger.until('secret files read', 2);
  t.equal(rootsOf((await ask('ROOTCA')).response), String(ca.rootPem) + one + two);
});
