import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { EnvoyObject } from '../../src/app/bootstrap/envoy-values.js';
import { bundleSecret, SLEEP_ID, svidSecret } from '../fleet/secrets.js';
import { BackendApp } from '../support/backend-app.js';
import { askMtls, identityOf, untilServed } from '../support/mtls-client.js';
import { realEnvoys } from '../support/real-envoy.js';
import { type EnvoyFiles, envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { SdsEndpoint } from '../support/sds-endpoint.js';
import { serialOf } from '../support/served-serial.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';

// The numbers are the rows of the conformance checklist, reference/sds.md section 4.

const LISTENER_TYPE = 'type.googleapis.com/envoy.config.listener.v3.Listener';

/** Envoy has two clients for ADS. The newer one is off by default; after a NACK its requests bring the last good nonce. */
const MUXES = [
  { mux: 'classic', isUnified: false },
  { mux: 'unified', isUnified: true },
] as const;
const WAYS = (['ads', 'delta-ads'] as const).flatMap((sdsApi) => MUXES.map((mux) => ({ sdsApi, ...mux })));

function runtimeOf(isUnified: boolean): EnvoyObject {
  return { layers: [{ name: 'test', static_layer: { 'envoy.reloadable_features.unified_mux': isUnified } }] };
}

/** Where the listeners of a file come from, which can be added to while Envoy runs. */
class ListenerFile {
  constructor(readonly path: string) {
    this.write('empty', []);
  }

  /** Replaces the file in one step: Envoy looks at it when it is moved. */
  write(version: string, listeners: readonly EnvoyObject[]): void {
    const resources = listeners.map((listener) => ({ '@type': LISTENER_TYPE, ...listener }));
    writeFileSync(`${this.path}.new`, JSON.stringify({ version_info: version, resources }));
    renameSync(`${this.path}.new`, this.path);
  }
}

/** The listener of a sidecar's bootstrap, under another name, on another socket, with the certificate of another name. */
function anotherListener(files: EnvoyFiles, certificateName: string, socketPath: string): EnvoyObject {
  const changes = { socketPath, sdsApi: 'ads', certificateName } as const;
  const { static_resources } = sidecarBootstrap({ ...files, inbound: `${files.inbound}2` }, changes);
  const [listener] = (static_resources as { listeners: readonly EnvoyObject[] }).listeners;
  return { ...listener, name: 'another' };
}

for (const { name, path, skip } of realEnvoys()) {
  for (const { sdsApi, mux, isUnified } of WAYS) {
    t.test(
      `row 10: ${name} by ${sdsApi}, ${mux} mux, gets more names after a NACK`,
      { skip, timeout: 60_000 },
      async (t) => {
        const directory = shortDir(t);
        const files = envoyFiles(directory);
        const ca = TestCa.root();
        const { source, socketPath } = await SdsEndpoint.start(t, join(directory, 'sds'));
        await BackendApp.start(t, files.app);
        const [first, more] = [svidSecret(ca), svidSecret(ca)];
        source.setSecrets({ default: first, more, ROOTCA: bundleSecret(ca.certificatePem) });
        const listeners = new ListenerFile(join(directory, 'listeners.json'));
        const plain = sidecarBootstrap(files, { socketPath, sdsApi });
        const bootstrap = {
          ...plain,
          layered_runtime: runtimeOf(isUnified),
          dynamic_resources: {
            ...(plain.dynamic_resources as EnvoyObject),
            lds_config: { resource_api_version: 'V3', path_config_source: { path: listeners.path } },
          },
        };
        const envoy = await RunningEnvoy.start(t, { path, files, bootstrap });
        const client = identityOf(ca, SLEEP_ID);
        await untilServed(envoy, client, serialOf(first));
        source.setSecrets({ default: svidSecret(ca, { hasWrongKey: true }) });
        await envoy.untilStat('sds.default.update_rejected', 1);
        const nacks = await envoy.stat('update_rejected');

        listeners.write('one', [anotherListener(files, 'more', socketPath)]);
        await envoy.until('the other listener serves', async () => {
          const outcome = await askMtls(`${files.inbound}2`, client);
          return (outcome.kind === 'answered' && outcome.serial === serialOf(more)) || undefined;
        });
        t.match(await askMtls(files.inbound, client), { kind: 'answered', serial: serialOf(first) });
        t.equal(await envoy.stat('update_rejected'), nacks, 'and nothing more was refused');
      },
    );
  }
}
