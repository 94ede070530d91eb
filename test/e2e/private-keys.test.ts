import t, { type Test } from 'tap';
import { Field } from '../../src/telemetry/index.js';
import { BackendApp } from '../support/backend-app.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { askMtls, identityOf } from '../support/mtls-client.js';
import { realEnvoys } from '../support/real-envoy.js';
import { envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';

// The Envoys of the tests are built without the providers, which are contrib extensions: they show what becomes of a
// key that is in hands which are not there. That they take it where the hardware is cannot be shown on this machine.

const SLEEP_ID = 'spiffe://cluster.local/ns/foo/sa/sleep';

async function startSidecar(t: Test, path: string, flags: Readonly<Record<string, string>>) {
  const directory = shortDir(t);
  const files = envoyFiles(directory);
  const ca = await FakeCaServer.start(t);
  const agent = await startSidecarAgent(t, { ca, flags });
  await BackendApp.start(t, files.app);
  const bootstrap = sidecarBootstrap(files, { socketPath: agent.socket, initialFetchTimeoutMs: 300 });
  const envoy = await RunningEnvoy.start(t, { path, files, bootstrap });
  return { ca, agent, envoy, client: identityOf(ca.intermediate, SLEEP_ID) };
}

for (const { name, path, skip } of realEnvoys()) {
  for (const provider of ['cryptomb', 'qat'] as const) {
    for (const fallback of ['false', 'true'] as const) {
      const flags = { 'private-key-provider': provider, 'private-key-fallback': fallback };
      t.test(
        `${name} without ${provider} refuses its key, with private-key-fallback=${fallback}; the log says why`,
        { skip, timeout: 250_000 },
        async (t) => {
          const { agent, envoy, client } = await startSidecar(t, path, flags);
          await envoy.untilStat('sds.default.update_rejected', 1);
          const { fields } = await agent.logger.until('sds secret rejected by its proxy');
          t.match(fields, {
            [Field.resourceName]: 'default',
            [Field.reason]: new RegExp(`Failed to load private key provider: ${provider}`),
            [Field.blames]: 'certificate',
          });
          await envoy.ready();
          t.match(await askMtls(envoy.files.inbound, client), { kind: 'refused' }, 'and nobody gets in');
          t.equal(await envoy.stat('sds.default.update_rejected'), 1, 'it is not offered again');
          // It asks for each on a stream of its own, and is ready without both after a while.
          await envoy.untilStat('sds.ROOTCA.update_success', 1);
        },
      );
    }
  }
}
