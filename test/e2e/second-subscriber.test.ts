import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { ServedSecret } from '../../src/agent/sds/index.js';
import { bundleSecret, SLEEP_ID, svidSecret } from '../fleet/secrets.js';
import { ADS_WAYS, type AdsWay, adsBootstrap, anotherListener, ListenerFile } from '../support/ads-listeners.js';
import { BackendApp } from '../support/backend-app.js';
import { askMtls, identityOf, untilServed } from '../support/mtls-client.js';
import { realEnvoys } from '../support/real-envoy.js';
import { envoyFiles, RunningEnvoy } from '../support/running-envoy.js';
import { SdsEndpoint } from '../support/sds-endpoint.js';
import { serialOf } from '../support/served-serial.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';

/**
 * An Envoy keeps a secret by its name and where it comes from. Another timeout makes another place of it: the listener
 * is a second subscriber of the secrets that the stream has already.
 */
const OTHER_TIMEOUTS_MS = [31_000, 32_000, 33_000];

/** A sidecar by ADS that serves its first certificate, and what adds listeners to it. */
async function startSidecar(t: Test, path: string, way: AdsWay) {
  const directory = shortDir(t);
  const files = envoyFiles(directory);
  const ca = TestCa.root();
  const { source, socketPath, logger } = await SdsEndpoint.start(t, join(directory, 'sds'));
  await BackendApp.start(t, files.app);
  const leaf = svidSecret(ca);
  source.setSecrets({ default: leaf, ROOTCA: bundleSecret(ca.certificatePem) });
  const listeners = new ListenerFile(join(directory, 'listeners.json'));
  const bootstrap = adsBootstrap(files, { ...way, socketPath, listeners });
  const envoy = await RunningEnvoy.start(t, { path, files, bootstrap });
  const client = identityOf(ca, SLEEP_ID);
  await untilServed(envoy, client, serialOf(leaf));
  const others = OTHER_TIMEOUTS_MS.map((initialFetchTimeoutMs, index) =>
    anotherListener(files, index + 1, { socketPath, initialFetchTimeoutMs }),
  );
  return {
    ...{ ca, source, envoy, leaf },
    /** The repeated requests so far. */
    repeats: () => logger.of('sds request').filter(({ fields }) => fields.detail === 'repeat').length,
    /** From now on there are so many listeners beside the first. */
    haveOthers: (count: number) => listeners.write(String(count), others.slice(0, count)),
    untilServed: (number: number, secret: ServedSecret) =>
      envoy.until(`listener ${number} serves`, async () => {
        const outcome = await askMtls(`${files.inbound}${number}`, client);
        return (outcome.kind === 'answered' && outcome.serial === serialOf(secret)) || undefined;
      }),
  };
}

for (const { name, path, skip } of realEnvoys()) {
  for (const way of ADS_WAYS.filter(({ sdsApi, mux }) => sdsApi === 'ads' && mux === 'classic')) {
    t.test(`${name} by ADS, classic mux: each further subscriber of a secret gets it`, { skip }, async (t) => {
      const sidecar = await startSidecar(t, path, way);
      const rebuilds = await sidecar.envoy.stat('ssl_context_update_by_sds');
      t.equal(sidecar.repeats(), 0);
      for (const [index] of OTHER_TIMEOUTS_MS.entries()) {
        const number = index + 1;
        sidecar.haveOthers(number);
        await sidecar.untilServed(number, sidecar.leaf);
      }
      // Two secrets of each listener. More would be a loop.
      t.ok(sidecar.repeats() <= 2 * OTHER_TIMEOUTS_MS.length, `${sidecar.repeats()} repeated requests`);
      t.equal(await sidecar.envoy.stat('update_rejected'), 0);
      t.ok((await sidecar.envoy.stat('ssl_context_update_by_sds')) >= rebuilds);
    });
  }

  // These ask nothing when another subscriber comes, so no server can know of it.
  for (const way of ADS_WAYS.filter(({ sdsApi, mux }) => sdsApi !== 'ads' || mux !== 'classic')) {
    t.test(`${name} by ${way.sdsApi}, ${way.mux} mux: a rotation serves a further subscriber`, { skip }, async (t) => {
      const sidecar = await startSidecar(t, path, way);
      sidecar.haveOthers(1);
      await sidecar.envoy.untilStat('listener_manager.total_listeners_warming', 1);
      const [next, other] = [svidSecret(sidecar.ca), TestCa.root('other')];
      const bundle = Buffer.concat([sidecar.ca.certificatePem, other.certificatePem]);
      sidecar.source.setSecrets({ default: next, ROOTCA: bundleSecret(bundle) });
      await sidecar.untilServed(1, next);
      t.equal(sidecar.repeats(), 0);
    });
  }
}
