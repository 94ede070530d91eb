import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startAgent } from '../../src/app/index.js';
import { plainSerial } from '../../src/text/index.js';
import { BackendApp } from '../support/backend-app.js';
import { startCitadel } from '../support/citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { realEnvoys } from '../support/real-envoy.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { agentConfig } from '../support/sidecar-agent.js';
import { runSidecert } from '../support/sidecert-process.js';

const hotPath = openHotPath();

for (const { name, path, skip } of realEnvoys())
  t.test(
    `two of ${name} get an identity each by their sockets, without a token`,
    { skip, timeout: 250_000 },
    async (t) => {
      const citadel = await startCitadel(t, hotPath);
      const [directory, pods] = [shortDir(t), shortDir(t)];
      const [socket, rootFile] = [join(directory, 's'), join(directory, 'root.pem')];
      writeFileSync(rootFile, citadel.rootPem);
      const flags = { mode: 'node', socket, 'ca-address': citadel.address, 'ca-root': rootFile, 'pod-sockets': pods };
      const logger = new RecordingLogger();
      const surroundings = { logger, now: Date.now, random: Math.random, nodeFlags: [] };
      const agent = await startAgent(agentConfig(flags), surroundings);
      t.teardown(() => agent.close());
      const envoys: RunningEnvoy[] = [];
      for (const account of ['sleep', 'httpbin']) {
        const place = join(pods, `uid-of-${account}`);
        mkdirSync(place, { mode: 0o755 });
        const token = await citadel.issuer.token('foo', account, {
          'kubernetes.io': { namespace: 'foo', serviceaccount: { name: account }, pod: { uid: `uid-of-${account}` } },
        });
        writeFileSync(join(place, 'token'), token);
        const files = envoyFiles(shortDir(t));
        await BackendApp.start(t, files.app);
        const bootstrap = sidecarBootstrap(files, { socketPath: join(place, 'socket') });
        const envoy = await RunningEnvoy.start(t, { path, files, bootstrap });
        envoys.push(envoy);
        const found = await envoy.until('its certificate', async () => {
          const { certificates } = JSON.parse(await envoy.page('/certs'));
          return certificates[0]?.cert_chain[0];
        });
        t.match(found.subject_alt_names, [{ uri: `spiffe://cluster.local/ns/foo/sa/${account}` }]);
      }
      const serials = await Promise.all(envoys.map((envoy) => envoy.serials()));
      t.not(plainSerial(serials[0]?.[0] ?? ''), plainSerial(serials[1]?.[0] ?? ''));

      const doctor = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
      mkdirSync(join(pods, 'without-a-token'));
      const { out } = await runSidecert(t, ['doctor', '--no-issue', ...doctor]);
      t.match(
        out,
        /^WARN +pod-sockets +token file \S+without-a-token\/token: got no such file.*; the pod is not served until/m,
      );
      t.match(out, /^ok +pod-sockets +\S+: 3 pods, 2 with a usable token$/m);

      rmSync(join(pods, 'uid-of-sleep'), { recursive: true });
      await logger.until('pod socket closed');
      await envoys[0]?.until('the end of its streams', async () => {
        return (await envoys[0]?.stat('control_plane.connected_state')) === 0 || undefined;
      });
      t.ok((await envoys[1]?.serials())?.length, 'the other one goes on');
    },
  );
