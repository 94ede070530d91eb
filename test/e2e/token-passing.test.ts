import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ProjectedVolume } from '../../src/demo/kubernetes/projected-volume.js';
import { bundleSecret, SLEEP_ID, svidSecret } from '../fleet/secrets.js';
import { BackendApp } from '../support/backend-app.js';
import { identityOf, untilServed } from '../support/mtls-client.js';
import { realEnvoys } from '../support/real-envoy.js';
import { envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { SdsEndpoint } from '../support/sds-endpoint.js';
import { asksBy, type SdsWay, STREAM_WAYS, waysOf } from '../support/sds-ways.js';
import { serialOf } from '../support/served-serial.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';

/** Two secrets, so that what is opened for each can be told from what is opened once. */
const SECRETS = 2;

const PASSING = STREAM_WAYS.filter(({ api, tokenBy }) => api === 'sotw' && tokenBy !== 'none');

/** A sidecar whose token is where a kubelet puts it; no agent is there yet. */
async function startEnvoy(t: Test, path: string, way: SdsWay, token: string) {
  const directory = shortDir(t);
  const files = envoyFiles(directory);
  const volume = new ProjectedVolume(join(directory, 'tokens'), 'token', Date.now);
  await volume.write(token);
  const socketPath = join(directory, 'sds');
  await BackendApp.start(t, files.app);
  const bootstrap = sidecarBootstrap(files, { socketPath, ...asksBy(way, join(directory, 'tokens', 'token')) });
  const envoy = await RunningEnvoy.start(t, { path, files, bootstrap });
  return { envoy, volume, socketPath };
}

/** Starts the agent's socket with the secrets of a workload. */
async function startAgent(t: Test, socketPath: string) {
  const ca = TestCa.root();
  const leaf = svidSecret(ca);
  const endpoint = await SdsEndpoint.start(t, socketPath);
  endpoint.source.setSecrets({ default: leaf, ROOTCA: bundleSecret(ca.certificatePem) });
  const served = (envoy: RunningEnvoy) => untilServed(envoy, identityOf(ca, SLEEP_ID), serialOf(leaf));
  return { endpoint, served };
}

for (const { name, path, skip } of realEnvoys()) {
  for (const way of waysOf(name, PASSING)) {
    t.test(
      `${name} by ${way.name}: passes its token from the first stream on`,
      { skip, timeout: 250_000 },
      async (t) => {
        const { envoy, volume, socketPath } = await startEnvoy(t, path, way, 'first.token');
        await envoy.untilStat('sds.default.update_attempt', 1);
        const { endpoint, served } = await startAgent(t, socketPath);
        const { callers } = endpoint.source;

        await t.test('an Envoy that was there before its agent gets its secrets', async (t) => {
          await served(envoy);
          t.strictSame(
            callers.map(({ authorization }) => authorization),
            Array.from({ length: SECRETS }, () => ['Bearer first.token']),
          );
        });

        await t.test('Google opens a connection for each secret, Envoy one for all', async (t) => {
          const connections = new Set(callers.map(({ connection }) => connection)).size;
          t.equal(connections, way.tokenBy === 'injector' ? 1 : SECRETS);
        });

        await t.test("a token that is swapped in the kubelet's way is that of the next streams", async (t) => {
          await volume.write('second.token');
          await envoy.until('a stream with the second token', async () => {
            endpoint.source.end();
            return callers.some(({ authorization }) => authorization[0] === 'Bearer second.token') || undefined;
          });
          const tokens = new Set(callers.flatMap(({ authorization }) => authorization));
          t.strictSame(tokens, new Set(['Bearer first.token', 'Bearer second.token']), 'and nothing else is passed');
        });
      },
    );
  }

  const google = waysOf(name, PASSING).filter(({ tokenBy }) => tokenBy === 'google_grpc');
  for (const way of google) {
    t.test(`${name} by ${way.name}: waits for its agent instead of failing`, { skip, timeout: 250_000 }, async (t) => {
      const { envoy, volume, socketPath } = await startEnvoy(t, path, way, 'first.token');
      await envoy.untilStat('sds.default.update_attempt', 1);
      await volume.write('second.token');
      const { endpoint, served } = await startAgent(t, socketPath);
      await served(envoy);
      const tokens = endpoint.source.callers.flatMap(({ authorization }) => authorization);
      t.strictSame(new Set(tokens), new Set(['Bearer second.token']), 'the token is that of the end of the wait');
      // Each failure would make the next try wait for longer, up to 30 s.
      t.equal(await envoy.stat('sds.default.update_failure'), 0);
      t.equal(await envoy.stat('sds.ROOTCA.update_failure'), 0);
    });
  }

  const injecting = waysOf(name, PASSING).filter(({ tokenBy }) => tokenBy === 'injector');
  for (const way of injecting) {
    t.test(`${name} by ${way.name}: a newline after the token is none of it`, { skip, timeout: 250_000 }, async (t) => {
      const { envoy, socketPath } = await startEnvoy(t, path, way, 'a.b.c\n');
      const { endpoint, served } = await startAgent(t, socketPath);
      await served(envoy);
      t.strictSame(endpoint.source.callers[0]?.authorization, ['Bearer a.b.c']);
    });
  }
}
