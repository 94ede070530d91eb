import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startAgent } from '../../src/app/index.js';
import { SteadyLoad } from '../../src/demo/checks/steady-load.js';
import { freePorts } from '../../src/demo/free-ports.js';
import { startHttpbin } from '../../src/demo/kubernetes/http-app.js';
import { HttpClient } from '../../src/demo/kubernetes/http-client.js';
import { until } from '../../src/demo/polling.js';
import { plainSerial } from '../../src/text/index.js';
import { istioFiles, mountedFiles, SLEEP, writeAsKubelet } from '../support/mounted-identity.js';
import { PATIENCE_MS } from '../support/patience.js';
import { realEnvoys } from '../support/real-envoy.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { agentConfig } from '../support/sidecar-agent.js';

const REQUESTS_PER_SECOND = 50;
const CHANGES = 4;

for (const { name, path, skip } of realEnvoys())
  t.test(
    `no request between two of ${name} fails while mounted roots and leaves change together`,
    { skip, timeout: 250_000 },
    async (t) => {
      const directory = shortDir(t);
      const [certs, socket] = [join(directory, 'certs'), join(directory, 's')];
      mkdirSync(certs);
      let set = mountedFiles();
      writeAsKubelet(certs, istioFiles(set), 'g0');
      const logger = new RecordingLogger();
      const config = agentConfig({ socket, 'identity-source': 'file', 'identity-dir': certs });
      const agent = await startAgent(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
      t.teardown(() => agent.close());

      const [app = 0, ...ports] = await freePorts(3);
      const httpApp = await startHttpbin(app);
      t.teardown(() => httpApp.close());
      const at = (port = 0) => ({ host: '127.0.0.1', port });
      const start = (proxy: Parameters<typeof sidecarBootstrap>[1]) => {
        const files = envoyFiles(shortDir(t));
        return RunningEnvoy.start(t, { path, files, bootstrap: sidecarBootstrap(files, proxy) });
      };
      // So that handshakes, which are what a wrong order breaks, never cease.
      const common = { socketPath: socket, maxConnectionAgeMs: 50 };
      const allowedSans = [{ kind: 'exact' as const, value: SLEEP }];
      const server = await start({ ...common, inbound: { address: at(ports[0]), app: at(app), allowedSans } });
      const upstreams = [{ name: 'server', address: at(ports[0]), spiffeId: SLEEP }];
      const client = await start({ ...common, inbound: undefined, outbound: { address: at(ports[1]), upstreams } });
      const envoys = [server, client];
      const http = new HttpClient(ports[1] ?? 0);
      t.teardown(() => http.close());
      await until('the way to be open', AbortSignal.timeout(PATIENCE_MS), async () => {
        const answer = await http.get('server', '/status/200').catch(() => undefined);
        return answer?.status === 200 || undefined;
      });
      const load = new SteadyLoad(http, 'server', REQUESTS_PER_SECOND);
      t.teardown(() => load.stop());
      for (let change = 1; change <= CHANGES; change++) {
        set = mountedFiles();
        writeAsKubelet(certs, istioFiles(set), `g${change}`);
        for (const envoy of envoys) {
          await envoy.until('the new certificate', async () => {
            return (await envoy.serials()).includes(plainSerial(set.serial)) || undefined;
          });
        }
        const wanted = load.sent + REQUESTS_PER_SECOND;
        await until('more requests', AbortSignal.timeout(PATIENCE_MS), async () => load.sent >= wanted || undefined);
      }
      const { sent, failures } = await load.stop();
      t.same(failures, [], `none of ${sent} requests failed`);
      t.equal(logger.of('mounted certificate waits until the streams have its new root').length, CHANGES);
      for (const envoy of envoys) {
        t.equal(await envoy.stat('ssl.fail_verify_error'), 0, 'a retry has hidden nothing');
        t.equal(await envoy.stat('ssl.connection_error'), 0);
        t.equal(await envoy.stat('update_rejected'), 0);
      }
      t.ok((await client.stat('ssl.handshake')) > 20, 'tens of handshakes meanwhile');
    },
  );
