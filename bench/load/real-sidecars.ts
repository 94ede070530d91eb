import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LoadResult, SteadyLoad } from '../../src/demo/checks/steady-load.js';
import { freePorts } from '../../src/demo/free-ports.js';
import { startHttpbin } from '../../src/demo/kubernetes/http-app.js';
import { HttpClient } from '../../src/demo/kubernetes/http-client.js';
import { until } from '../../src/demo/polling.js';
import { envoyFiles, RunningEnvoy, sidecarBootstrap } from '../../test/support/running-envoy.js';

/** Of the client: each connection to a server begins with a handshake, and ends after this. */
const CONNECTION_MS = 200;

const REQUESTS_PER_SECOND = 10;

const CLIENT = 'client';

/** Until a first request is answered. */
const PATIENCE_MS = 60_000;

interface RealSidecarsOptions {
  readonly envoyPath: string;
  /** A directory of its own. */
  readonly directory: string;
  /** Of the agent of the node. */
  readonly socketPath: string;
  readonly servers: number;
  /** A token of the service account of this name. */
  readonly tokenOf: (serviceAccount: string) => Promise<string>;
}

/** What they have come to. */
export interface SidecarFigures extends LoadResult {
  /** Of the client. */
  readonly handshakes: number;
  /** Of all. */
  readonly failedHandshakes: number;
}

/** Real Envoys as sidecars of pods of one node: a client, and servers that it has a new connection to all the time. */
export class RealSidecars {
  private readonly closers: (() => unknown)[] = [];
  private readonly envoys: RunningEnvoy[] = [];
  private readonly loads: SteadyLoad[] = [];
  private inbound: readonly number[] = [];

  /** Resolves when every server has answered. */
  static async start(options: RealSidecarsOptions): Promise<RealSidecars> {
    const sidecars = new RealSidecars(options);
    try {
      await sidecars.open();
    } catch (error) {
      await sidecars.close();
      throw error;
    }
    return sidecars;
  }

  private constructor(private readonly options: RealSidecarsOptions) {}

  /** Where the servers listen on this machine. */
  get serverPorts(): readonly number[] {
    return this.inbound;
  }

  /** Ends all of it; to be called once. */
  async stop(): Promise<SidecarFigures> {
    const results = await Promise.all(this.loads.map((load) => load.stop()));
    const sum = async (name: string, envoys = this.envoys): Promise<number> => {
      const counts = await Promise.all(envoys.map((envoy) => envoy.stat(name)));
      return counts.reduce((all, one) => all + one, 0);
    };
    const failed = await Promise.all(
      ['ssl.connection_error', 'ssl.fail_verify_error', 'ssl.fail_verify_san'].map((name) => sum(name)),
    );
    const figures = {
      sent: results.reduce((all, { sent }) => all + sent, 0),
      failures: results.flatMap(({ failures }) => failures),
      handshakes: await sum('ssl.handshake', this.envoys.slice(-1)),
      failedHandshakes: failed.reduce((all, one) => all + one, 0),
    };
    await this.close();
    return figures;
  }

  private async open(): Promise<void> {
    const { servers } = this.options;
    const names = Array.from({ length: servers }, (_, at) => `server-${at}`);
    const [app = 0, outbound = 0, ...inbound] = await freePorts(2 + servers);
    this.inbound = inbound;
    const httpApp = await startHttpbin(app);
    this.closers.push(() => httpApp.close());
    const at = (port = 0) => ({ host: '127.0.0.1', port });
    for (const [index, name] of names.entries()) {
      const allowedSans = [{ kind: 'exact', value: spiffeIdOf(CLIENT) }] as const;
      await this.startEnvoy(name, {
        inbound: { address: at(inbound[index]), app: at(app), allowedSans },
        outbound: undefined,
      });
    }
    const upstreams = names.map((name, index) => ({ name, address: at(inbound[index]), spiffeId: spiffeIdOf(name) }));
    await this.startEnvoy(CLIENT, { inbound: undefined, outbound: { address: at(outbound), upstreams } });
    const http = new HttpClient(outbound);
    this.closers.push(() => http.close());
    for (const name of names) {
      await until(`an answer of ${name}`, AbortSignal.timeout(PATIENCE_MS), async () => {
        const answer = await http.get(name, '/status/200').catch(() => undefined);
        return answer?.status === 200 || undefined;
      });
    }
    for (const name of names) this.loads.push(new SteadyLoad(http, name, REQUESTS_PER_SECOND));
  }

  private async startEnvoy(
    name: string,
    proxy: Pick<Parameters<typeof sidecarBootstrap>[1], 'inbound' | 'outbound'>,
  ): Promise<void> {
    const { directory, socketPath, envoyPath, tokenOf } = this.options;
    const tokenFile = join(directory, `${name}.token`);
    await writeFile(tokenFile, await tokenOf(name), { mode: 0o600 });
    const sockets = envoyFiles(directory);
    const files = { ...sockets, admin: join(directory, name) };
    const bootstrap = sidecarBootstrap(files, {
      ...{ socketPath, tokenPassing: { kind: 'google_grpc', tokenFile }, maxConnectionAgeMs: CONNECTION_MS },
      ...proxy,
    });
    const teardown = (close: () => unknown): void => void this.closers.push(close);
    this.envoys.push(await RunningEnvoy.start({ teardown }, { path: envoyPath, files, bootstrap }));
  }

  /** Ends all of it, whatever it has come to. Safe to call twice. */
  async close(): Promise<void> {
    for (const load of this.loads) await load.stop();
    for (const close of this.closers.splice(0).reverse()) await close();
  }
}

function spiffeIdOf(serviceAccount: string): string {
  return `spiffe://cluster.local/ns/foo/sa/${serviceAccount}`;
}
