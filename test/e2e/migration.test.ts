import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startAgent } from '../../src/app/index.js';
import { SteadyLoad } from '../../src/demo/checks/steady-load.js';
import { freePorts } from '../../src/demo/free-ports.js';
import { startHttpbin } from '../../src/demo/kubernetes/http-app.js';
import { HttpClient } from '../../src/demo/kubernetes/http-client.js';
import { until } from '../../src/demo/polling.js';
import type { EnvoyObject } from '../../src/envoy-bootstrap/envoy-values.js';
import type { WorkloadProxy } from '../../src/envoy-bootstrap/workload-proxy.js';
import { plainSerial } from '../../src/text/index.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { withFiles } from '../support/file-configured.js';
import { istioFiles, type MountedFiles, mountedFiles } from '../support/mounted-identity.js';
import { PATIENCE_MS } from '../support/patience.js';
import { realEnvoys } from '../support/real-envoy.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { agentConfig } from '../support/sidecar-agent.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

/** Of each client to each server. */
const REQUESTS_PER_SECOND = 25;

const spiffeIdOf = (serviceAccount: string): string => `spiffe://cluster.local/ns/foo/sa/${serviceAccount}`;

/** Replaces a file that Envoy takes listeners or clusters from in one step: it looks at moves. */
function writeResources(path: string, type: string, parts: readonly EnvoyObject[]): void {
  const resources = parts.map((part) => ({ '@type': `type.googleapis.com/${type}`, ...part }));
  writeFileSync(`${path}.new`, JSON.stringify({ resources }));
  renameSync(`${path}.new`, path);
}

/** The agent of one service account, started again with other flags on the same socket. */
class MovingAgent {
  readonly logger = new RecordingLogger();
  readonly socket: string;
  readonly set: MountedFiles;
  readonly mounted: { readonly chain: string; readonly key: string; readonly roots: string };
  private readonly flags: Readonly<Record<string, string>>;
  private running: { close(): Promise<void> } | undefined;

  private constructor(directory: string, { serviceAccount, old, ca, token }: AgentScene) {
    const file = (name: string): string => join(directory, name);
    const certs = file('certs');
    mkdirSync(certs);
    this.socket = file('s');
    this.set = mountedFiles({ ca: old, uris: [spiffeIdOf(serviceAccount)] });
    for (const [name, content] of Object.entries(istioFiles(this.set))) writeFileSync(join(certs, name), content);
    writeFileSync(file('ca.pem'), ca.rootPem);
    writeFileSync(file('token'), token);
    // What an Envoy without SDS trusts: both roots are in its volume before any peer shows a leaf of the new one.
    writeFileSync(file('both.pem'), `${old.certificatePem}${ca.rootPem}`);
    this.mounted = { chain: join(certs, 'cert-chain.pem'), key: join(certs, 'key.pem'), roots: file('both.pem') };
    this.flags = {
      ...{ socket: this.socket, namespace: 'foo', 'service-account': serviceAccount },
      ...{ 'identity-dir': certs, 'ca-address': ca.address, 'ca-root': file('ca.pem'), 'token-file': file('token') },
    };
  }

  static async make(t: Test, scene: Omit<AgentScene, 'token'>): Promise<MovingAgent> {
    const token = await new TokenIssuer().token('foo', scene.serviceAccount);
    const agent = new MovingAgent(shortDir(t), { ...scene, token });
    t.teardown(() => agent.running?.close());
    return agent;
  }

  /** Goes on as the identity source and the step say. */
  async goTo(source: 'file' | 'file,ca' | 'ca', step?: 'files' | 'ca'): Promise<void> {
    const unknown = { file: /^(ca|token)-/, 'file,ca': /^$/, ca: /^identity-dir$/ }[source];
    const known = Object.fromEntries(Object.entries(this.flags).filter(([flag]) => !unknown.test(flag)));
    const config = agentConfig({ ...known, 'identity-source': source, ...(step && { 'migration-step': step }) });
    const { logger } = this;
    await this.running?.close();
    this.running = await startAgent(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
  }
}

interface AgentScene {
  readonly serviceAccount: string;
  readonly old: TestCa;
  readonly ca: FakeCaServer & { readonly address: string };
  readonly token: string;
}

/**
 * What an Envoy has been given: its leaves, and how many roots over SDS. `/certs` of Envoy 1.36 shows but one of them.
 */
async function secretsOf(envoy: RunningEnvoy): Promise<{ leaves: string[]; rootCount: number }> {
  const { configs = [] } = JSON.parse(await envoy.page('/config_dump?resource=dynamic_active_secrets'));
  const pems = configs.map(
    ({ secret }: { secret?: { validation_context?: { trusted_ca: { inline_bytes: string } } } }) =>
      Buffer.from(secret?.validation_context?.trusted_ca.inline_bytes ?? '', 'base64').toString(),
  );
  const rootCount = pems.join('').split('-----BEGIN CERTIFICATE-----').length - 1;
  return { leaves: [...new Set(await envoy.serials())], rootCount };
}

for (const { name, path, skip } of realEnvoys())
  t.test(
    `no request between four of ${name} fails from secret volumes to a CA of another root, back and forward`,
    { skip, timeout: 250_000 },
    async (t) => {
      const ca = await FakeCaServer.start(t, { root: TestCa.root('new root') });
      ca.identityOf = (authorization) => {
        const { sub } = JSON.parse(Buffer.from(authorization.split('.')[1] ?? '', 'base64url').toString());
        return spiffeIdOf(sub.split(':')[3]);
      };
      const old = TestCa.root('old root');
      const httpbin = await MovingAgent.make(t, { serviceAccount: 'httpbin', old, ca });
      const sleep = await MovingAgent.make(t, { serviceAccount: 'sleep', old, ca });
      const agents = [httpbin, sleep];
      /** One after the other, so that peers are at different steps meanwhile. */
      const goTo = async (...where: Parameters<MovingAgent['goTo']>): Promise<void> => {
        for (const agent of agents) await agent.goTo(...where);
      };
      await goTo('file');

      const [app = 0, ...ports] = await freePorts(5);
      const httpApp = await startHttpbin(app);
      t.teardown(() => httpApp.close());
      const at = (port = 0) => ({ host: '127.0.0.1', port });
      const inbound = (port: number | undefined): Partial<WorkloadProxy> => ({
        // The trap: with a time limit, a listener without secrets takes the place of the one that works.
        initialFetchTimeoutMs: 0,
        inbound: {
          ...{ address: at(port), app: at(app) },
          allowedSans: [{ kind: 'exact', value: spiffeIdOf('sleep') }],
        },
      });
      const outbound = (port: number | undefined): Partial<WorkloadProxy> => ({
        initialFetchTimeoutMs: 0,
        inbound: undefined,
        outbound: {
          address: at(port),
          upstreams: ['volume', 'sds'].map((server, index) => ({
            ...{ name: server, address: at(ports[index]), spiffeId: spiffeIdOf('httpbin') },
          })),
        },
        // So that handshakes, which are what a wrong order breaks, never cease.
        maxConnectionAgeMs: 200,
      });
      const start = async (proxy: Partial<WorkloadProxy>, { socket, mounted }: MovingAgent, isInVolume: boolean) => {
        const files = envoyFiles(shortDir(t));
        const bySds = sidecarBootstrap(files, { socketPath: socket, ...proxy });
        const { listeners, clusters } = bySds.static_resources as Record<string, readonly EnvoyObject[]>;
        const [lds, cds] = [`${files.admin}.lds`, `${files.admin}.cds`];
        // That of SDS itself and of the application stay where they are.
        const isMoved = ({ transport_socket }: EnvoyObject): boolean => transport_socket !== undefined;
        const moved = (clusters ?? []).filter(isMoved);
        const write = (change: (part: EnvoyObject) => EnvoyObject): void => {
          writeResources(cds, 'envoy.config.cluster.v3.Cluster', moved.map(change));
          writeResources(lds, 'envoy.config.listener.v3.Listener', (listeners ?? []).map(change));
        };
        write((part) => (isInVolume ? withFiles(part, mounted) : part));
        const source = (path: string) => ({ resource_api_version: 'V3', path_config_source: { path } });
        const bootstrap = {
          ...bySds,
          dynamic_resources: { lds_config: source(lds), cds_config: source(cds) },
          static_resources: { clusters: (clusters ?? []).filter((cluster) => !isMoved(cluster)) },
        };
        const envoy = await RunningEnvoy.start(t, { path, files, bootstrap });
        return { envoy, takeFromSds: () => write((part) => part) };
      };
      const servers = [
        await start(inbound(ports[0]), httpbin, true),
        await start(inbound(ports[1]), httpbin, false),
      ] as const;
      const clients = [
        await start(outbound(ports[2]), sleep, true),
        await start(outbound(ports[3]), sleep, false),
      ] as const;
      const envoys = [...servers, ...clients].map(({ envoy }) => envoy);
      const bySds = [servers[1].envoy, clients[1].envoy];
      const ways = [ports[2], ports[3]].flatMap((port) => ['volume', 'sds'].map((server) => ({ port, server })));
      const loads: SteadyLoad[] = [];
      for (const { port = 0, server } of ways) {
        const client = new HttpClient(port);
        t.teardown(() => client.close());
        await until(`the way to ${server} to be open`, AbortSignal.timeout(PATIENCE_MS), async () => {
          const answer = await client.get(server, '/status/200').catch(() => undefined);
          return answer?.status === 200 || undefined;
        });
        const load = new SteadyLoad(client, server, REQUESTS_PER_SECOND);
        t.teardown(() => load.stop());
        loads.push(load);
      }
      const mountedSerials = agents.map(({ set }) => plainSerial(set.serial));
      const untilSecrets = async (
        what: string,
        which: readonly RunningEnvoy[],
        wanted: { readonly isMounted: boolean; readonly rootCount: number },
      ): Promise<void> => {
        for (const envoy of which) {
          await envoy.until(what, async () => {
            const { leaves, rootCount } = await secretsOf(envoy);
            const areWanted = leaves.every((serial) => mountedSerials.includes(serial) === wanted.isMounted);
            return (leaves.length > 0 && areWanted && rootCount === wanted.rootCount) || undefined;
          });
        }
      };

      /** Goes on when each load has sent so many more requests, on several connections. */
      const underLoad = async (): Promise<void> => {
        const sent = (): number => Math.min(...loads.map((load) => load.sent));
        const wanted = sent() + REQUESTS_PER_SECOND;
        await until('more requests', AbortSignal.timeout(PATIENCE_MS), async () => sent() >= wanted || undefined);
      };

      await untilSecrets('the mounted files over SDS', bySds, { isMounted: true, rootCount: 1 });
      await underLoad();
      await goTo('file,ca', 'files');
      await untilSecrets('both roots', bySds, { isMounted: true, rootCount: 2 });
      await underLoad();
      await goTo('file,ca', 'ca');
      await untilSecrets('the certificates of the CA', bySds, { isMounted: false, rootCount: 2 });
      await underLoad();
      await goTo('file,ca', 'files');
      await untilSecrets('the mounted certificates again', bySds, { isMounted: true, rootCount: 2 });
      await underLoad();
      await goTo('file,ca', 'ca');
      await untilSecrets('the certificates of the CA again', bySds, { isMounted: false, rootCount: 2 });
      await underLoad();
      servers[0].takeFromSds();
      clients[0].takeFromSds();
      for (const envoy of [servers[0].envoy, clients[0].envoy]) {
        // What its old connections have stays beside that until they are drained.
        await envoy.until('a certificate of the CA in place of the volume', async () => {
          const { leaves } = await secretsOf(envoy);
          const warming = (await envoy.stat('total_listeners_warming')) + (await envoy.stat('warming_clusters'));
          return (warming === 0 && leaves.some((serial) => !mountedSerials.includes(serial))) || undefined;
        });
      }
      await underLoad();
      await goTo('ca');
      await untilSecrets('the new root alone', bySds, { isMounted: false, rootCount: 1 });
      await underLoad();

      const results = await Promise.all(loads.map((load) => load.stop()));
      t.same(
        results.flatMap(({ failures }) => failures),
        [],
        `none of ${results.reduce((sum, { sent }) => sum + sent, 0)} requests failed`,
      );
      for (const { sent } of results) t.ok(sent > 6 * REQUESTS_PER_SECOND);
      for (const envoy of envoys) {
        t.equal(await envoy.stat('ssl.fail_verify_error'), 0, 'a retry has hidden nothing');
        t.equal(await envoy.stat('ssl.connection_error'), 0);
        t.equal(await envoy.stat('update_rejected'), 0);
      }
      for (const { envoy } of clients) t.ok((await envoy.stat('ssl.handshake')) > 20, 'tens of handshakes meanwhile');
    },
  );
