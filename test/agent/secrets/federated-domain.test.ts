import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FederatedBundles } from '../../../src/agent/secrets/federated-bundles.js';
import { until } from '../../../src/demo/polling.js';
import { readHttpsDocument } from '../../../src/net/transport/index.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';
import { MetricRegistry } from '../../../src/telemetry/index.js';
import { systemClock, WallClockTimers } from '../../../src/timers/index.js';
import { ecKeys } from '../../hotpath/pki.js';
import { lookedFiles } from '../../support/looked-files.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { shortDir } from '../../support/short-dir.js';
import { spiffeBundle } from '../../support/spiffe-bundle.js';
import { TestCa } from '../../support/test-ca.js';

const ID = 'spiffe://other/bundles';
const [first, second, third] = ['first', 'second', 'third'].map((name) => TestCa.root(name)) as [
  TestCa,
  TestCa,
  TestCa,
];
const pem = ({ certificatePem }: TestCa): string => String(certificatePem);

/** Bundles of the domain `other`, by a file and an endpoint whose SVID is of `first`. */
async function setUp(t: Test, content: string | Buffer) {
  const keys = ecKeys();
  const state: { document: Buffer | undefined; asked: number } = { document: undefined, asked: 0 };
  const tls = { cert: first.leaf(keys, { uris: [ID] }), key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) };
  const server = createServer(tls, (_request, response) => {
    state.asked += 1;
    response.writeHead(state.document === undefined ? 503 : 200, { connection: 'close' }).end(state.document);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const file = join(shortDir(t), 'other');
  writeFileSync(file, content);
  const { surroundings, look, logger } = lookedFiles(Date.now());
  const timers = new WallClockTimers(systemClock);
  const endpoint = {
    ...{ trustDomain: 'other', url: `https://127.0.0.1:${Object(server.address()).port}/` },
    spiffeId: SpiffeId.parse(ID),
  };
  const bundles = new FederatedBundles({
    ...{ ...surroundings, peerUris: [], files: new Map([['other', file]]) },
    endpoints: new Map([['other', endpoint]]),
  });
  t.teardown(async () => {
    await bundles.close();
    timers.close();
    server.close();
  });
  const changes: string[] = [];
  bundles.onChange((domain) => changes.push(domain));
  const served = (): string | undefined => bundles.pems.get('other')?.toString();
  return {
    ...{ bundles, state, changes, served, logger },
    open: () =>
      bundles.open({ timers, metrics: new MetricRegistry(), random: () => 0, readDocument: readHttpsDocument }),
    async write(text: string) {
      writeFileSync(file, text);
      await look();
    },
    status: () => bundles.statuses()[0],
  };
}

t.test('a file in JSON is a bundle as one in PEM is', async (t) => {
  const { open, served, write, logger } = await setUp(t, Buffer.concat([Buffer.from('\n '), spiffeBundle([first])]));
  await open();
  t.equal(served(), pem(first));
  await write('{"keys":[]}');
  t.equal(served(), pem(first));
  t.match(logger.of('secret files refused, the last good content stays')[0]?.fields, { code: 'ERR_BUNDLE_INVALID' });
  await write(pem(second));
  t.equal(served(), pem(second));
});

t.test('the file counts until the endpoint has answered, and again when it has changed', async (t) => {
  const { open, bundles, state, served, status, logger, write, changes } = await setUp(t, pem(first));
  await open();
  await logger.until('federated bundle not fetched');
  t.match(status(), { source: 'file', roots: 1, endpoint: { profile: 'https_spiffe', lastFailure: Object } });
  t.equal(served(), pem(first));

  state.document = spiffeBundle([first, second], { sequence: 9 });
  await logger.until('federated bundle fetched');
  t.equal(served(), pem(first) + pem(second));
  t.match(status(), { source: 'endpoint', roots: 2, endpoint: { sequence: 9, lastFailure: undefined } });
  const { asked } = state;
  bundles.fetchNow();
  await until('another fetch', AbortSignal.timeout(PATIENCE_MS), async () => state.asked > asked || undefined);

  // The trust domain is set up again: its sequence begins at 1, and a person brings its new root.
  state.document = spiffeBundle([first, second, third], { sequence: 1 });
  await write(pem(first) + pem(third));
  await logger.until('federated bundle fetched', 2);
  t.equal(served(), pem(first) + pem(second) + pem(third));
  t.match(status(), { source: 'endpoint', endpoint: { sequence: 1 } });
  t.same(changes, ['other', 'other', 'other', 'other']);
});

t.test('an endpoint is verified by what is known of its trust domain now', async (t) => {
  const { open, state, served, logger, write } = await setUp(t, pem(second));
  state.document = spiffeBundle([first]);
  await open();
  const { fields } = await logger.until('federated bundle not fetched');
  t.match(fields, { code: 'ERR_BUNDLE_ENDPOINT_UNTRUSTED' });
  t.equal(state.asked, 0);
  t.equal(served(), pem(second));
  await write(pem(first) + pem(second));
  await logger.until('federated bundle fetched');
  t.equal(served(), pem(first));
});
