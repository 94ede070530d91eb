import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { AllowedDirectories } from '../../../src/agent/files/allowed-directories.js';
import { FederatedBundles } from '../../../src/agent/secrets/federated-bundles.js';
import { FileSecrets } from '../../../src/agent/secrets/file-secrets.js';
import { lookedFiles } from '../../support/looked-files.js';
import { OfficialSecrets } from '../../support/official-secrets.js';
import { TestCa } from '../../support/test-ca.js';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.now();
const official = new OfficialSecrets();

const root = (subject: string, fromHours: number, toHours: number) =>
  TestCa.root(subject, { notBeforeMs: NOW_MS + fromHours * HOUR_MS, notAfterMs: NOW_MS + toHours * HOUR_MS });
const [expired, ending, current] = [root('expired', -48, -1), root('ending', -48, 1), root('current', -1, 48)];

function rootsOf(body: Buffer | undefined): string | undefined {
  if (body === undefined) return undefined;
  const { validationContext } = official.secret(body) as { validationContext: { trustedCa: { inlineBytes: Buffer } } };
  return validationContext.trustedCa.inlineBytes.toString();
}

const pems = (...cas: readonly TestCa[]) => Buffer.concat(cas.map(({ certificatePem }) => certificatePem)).toString();

t.test('expired roots of a federated bundle are left out, also when one expires while it is served', async (t) => {
  const file = join(t.testdir({ bundle: pems(expired, ending, current) }), 'bundle');
  const { surroundings, clock, look, logger } = lookedFiles(NOW_MS);
  const bundles = new FederatedBundles({ ...surroundings, files: new Map([['other', file]]), peerUris: [] });
  t.teardown(() => bundles.close());
  const changes: string[] = [];
  bundles.onChange((domain) => changes.push(domain));
  await bundles.open();
  t.equal(rootsOf(bundles.bundle('other')?.body), pems(ending, current));
  t.match(logger.of('part of secret files left out')[0]?.fields, {
    error: 'trust bundle: got 1 expired certificates of 3, expected valid ones',
  });
  clock.nowMs += 2 * HOUR_MS;
  await look();
  t.equal(rootsOf(bundles.bundle('other')?.body), pems(current));
  t.equal(bundles.pems.get('other')?.toString(), pems(current));
  t.strictSame(changes, ['other', 'other']);
  clock.nowMs += 100 * HOUR_MS;
  await look();
  t.equal(rootsOf(bundles.bundle('other')?.body), pems(current), 'a bundle is never empty');
  t.match(logger.of('secret files refused, the last good content stays')[0]?.fields, { error: /got only expired/ });
});

t.test('expired roots of file-root are left out, also when one expires while it is served', async (t) => {
  const directory = t.testdir({ roots: pems(expired, ending, current) });
  const { surroundings, clock, look, untilWatched } = lookedFiles(NOW_MS);
  const secrets = new FileSecrets({
    ...{ ...surroundings, directories: new AllowedDirectories([directory]) },
    ...{ generic: new Map(), privateKeyProvider: undefined },
  });
  t.teardown(() => secrets.close());
  const name = `file-root:${join(directory, 'roots')}`;
  let changed = (): void => {};
  const next = () =>
    new Promise<void>((resolve) => {
      changed = resolve;
    });
  const first = next();
  const stream = secrets.openStream(() => changed());
  stream.secret(name);
  await first;
  // The watch begins behind the first look.
  await untilWatched(1);
  t.equal(rootsOf(stream.secret(name)?.body), pems(ending, current));
  const second = next();
  clock.nowMs += 2 * HOUR_MS;
  await look();
  await second;
  t.equal(rootsOf(stream.secret(name)?.body), pems(current));
});

t.test('a file of expired roots alone is no bundle', async (t) => {
  const file = join(t.testdir({ bundle: pems(expired) }), 'bundle');
  const { surroundings, look } = lookedFiles(NOW_MS);
  const bundles = new FederatedBundles({ ...surroundings, files: new Map([['other', file]]), peerUris: [] });
  t.teardown(() => bundles.close());
  await bundles.open();
  t.equal(bundles.bundle('other'), undefined);
  writeFileSync(file, pems(current));
  await look();
  t.equal(rootsOf(bundles.bundle('other')?.body), pems(current));
});
