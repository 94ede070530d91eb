import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CaPlace,
  caProcess,
  isCaUp,
  privateDirectory,
  rootFileOf,
  type Sidecert,
  sidecertCommand,
} from './certificate-authority.js';
import { type HttpApp, startHttpbin } from './kubernetes/http-app.js';
import { PodToken } from './kubernetes/pod-token.js';
import { ProjectedVolume } from './kubernetes/projected-volume.js';
import { createTokenIssuer, type TokenIssuer } from './kubernetes/token-issuer.js';
import { agentArgs, type DemoPlan, type WorkloadPlan } from './plan.js';
import { until } from './polling.js';
import type { SupervisedProcess } from './processes/supervised-process.js';
import { Supervisor } from './processes/supervisor.js';
import { whenUp } from './processes/when-up.js';
import { type DemoRotation, readRotation } from './rotation-line.js';
import type { Sidecar } from './sidecars/sidecar.js';
import { startSidecar } from './sidecars/start-sidecar.js';
import { type ShownProcess, startStatusIndex } from './status-index.js';

/** The shortest life that a Kubernetes API server grants to a token. */
const TOKEN_TTL_SECONDS = 600;

export interface DemoClusterOptions extends Sidecert {
  /** The demo's own directory; nothing is written elsewhere. */
  readonly directory: string;
  readonly plan: DemoPlan;
  /** Undefined: our stand-in takes the place of each Envoy. */
  readonly envoyPath: string | undefined;
  /** The life of the workloads' certificates. */
  readonly ttlSeconds: number;
  /** The life of the pods' tokens; that of Kubernetes unless given. */
  readonly tokenTtlSeconds?: number;
  /** Hears of each process that died on its own, and of each token that could not be replaced. */
  readonly onTrouble: (line: string) => void;
  readonly onRotation: (workload: WorkloadPlan, rotation: DemoRotation) => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Everything that a mesh of four workloads needs, on one machine: the parts are started by the methods, in the order in
 * which they stand here, and ended by `close`.
 */
export class DemoCluster {
  readonly plan: DemoPlan;
  private readonly supervisor: Supervisor;
  private readonly sidecars = new Map<string, Sidecar>();
  private readonly agents = new Map<string, SupervisedProcess>();
  private readonly tokens = new Map<string, PodToken>();
  private readonly apps: Pick<HttpApp, 'close'>[] = [];
  private readonly ca: CaPlace;
  #citadel: SupervisedProcess | undefined;

  constructor(private readonly options: DemoClusterOptions) {
    const { directory, plan, onTrouble } = options;
    this.plan = plan;
    this.supervisor = new Supervisor({ directory, onDeath: onTrouble });
    this.ca = {
      name: 'Citadel',
      directory: join(directory, 'citadel'),
      port: plan.citadelPort,
      statusPort: plan.citadelStatusPort,
      jwksFile: join(directory, 'jwks.json'),
      keepsRoot: true,
    };
  }

  /** Below which no file may hold a key or a certificate. */
  get workloadsDirectory(): string {
    return join(this.options.directory, 'workloads');
  }

  /** Holds the root's key, as a CA directory must. */
  get citadelDirectory(): string {
    return this.ca.directory;
  }

  get citadel(): SupervisedProcess {
    return present(this.#citadel, 'Citadel');
  }

  /** Citadel and the agents, each with a status page; nothing before they have been started. */
  shownProcesses(): ShownProcess[] {
    const { plan } = this;
    const parts = [
      ...plan.workloads.map(({ name, directory, statusPort }) => ({
        ...{ process: this.agents.get(name), directory, statusPort },
      })),
      { process: this.#citadel, directory: this.ca.directory, statusPort: plan.citadelStatusPort },
    ];
    return parts.flatMap(({ process, directory, statusPort }) =>
      process === undefined
        ? []
        : [{ name: process.name, pid: process.pid, directory, url: `http://127.0.0.1:${statusPort}/` }],
    );
  }

  /** A page that leads to the status pages. Resolves with its address; it ends with the cluster. */
  async startStatusIndex(): Promise<string> {
    const index = await startStatusIndex(this.plan.indexPort, () => this.shownProcesses());
    this.apps.push(index);
    return index.url;
  }

  sidecar(name: string): Sidecar {
    return present(this.sidecars.get(name), `sidecar ${name}`);
  }

  agent(workload: string): SupervisedProcess {
    return present(this.agents.get(workload), `agent of ${workload}`);
  }

  token(workload: string): PodToken {
    return present(this.tokens.get(workload), `token of ${workload}`);
  }

  /** The issuer's key set, and a token file for each pod. */
  async startTokens(): Promise<void> {
    const issuer = await createTokenIssuer(this.options.now);
    await writeFile(this.ca.jwksFile, issuer.jwks);
    await Promise.all(this.plan.workloads.map((workload) => this.startToken(issuer, workload)));
  }

  /**
   * Resolves when Citadel takes connections. After a `stop` of its process it may be started again: the root is kept.
   */
  async startCitadel(): Promise<void> {
    this.#citadel = await this.startCa(this.ca);
  }

  /** One agent per workload. Resolves when all their sockets are there. */
  async startAgents(): Promise<void> {
    await Promise.all(
      this.plan.workloads.map(async (workload) => {
        const onLine = (line: string): void => {
          const rotation = readRotation(line);
          if (rotation !== undefined) this.options.onRotation(workload, rotation);
        };
        const agent = await this.startAgent(`agent of ${workload.name}`, workload, this.ca, onLine);
        this.agents.set(workload.name, agent);
      }),
    );
  }

  /** The apps and a sidecar in front of each. Resolves when all sidecars hold a certificate. */
  async startSidecars(): Promise<void> {
    for (const { inbound, name } of this.plan.servers) {
      this.apps.push(await startHttpbin(present(inbound, `${name}: inbound listener`).appPort));
    }
    await Promise.all(
      this.plan.sidecars.map(async (plan) => {
        const token = this.token(plan.workload.name);
        const { envoyPath } = this.options;
        this.sidecars.set(plan.name, await startSidecar({ plan, token, envoyPath, supervisor: this.supervisor }));
      }),
    );
  }

  /**
   * A second Citadel with a root of its own, believing the same tokens, and an agent of the first workload that asks
   * it: both names are right, only the root is not. Resolves with the agent's socket; `close` ends both.
   */
  async startForeign(port: number): Promise<{ socketPath: string; close(): Promise<void> }> {
    const directory = join(this.options.directory, 'foreign');
    const ca = { ...this.ca, name: 'foreign Citadel', directory, port, statusPort: undefined, keepsRoot: false };
    const citadel = await this.startCa(ca);
    const impostor: WorkloadPlan = {
      ...present(this.plan.workloads[0], 'first workload'),
      ...{ tokenSource: 'file', directory, socketPath: join(directory, 'sds.sock'), statusPort: undefined },
    };
    const agent = await this.startAgent('foreign agent', impostor, ca, () => {});
    return {
      socketPath: impostor.socketPath,
      async close() {
        await Promise.all([agent.stop(), citadel.stop()]);
      },
    };
  }

  /** Ends everything that was started. Safe to call twice. */
  async close(): Promise<void> {
    for (const token of this.tokens.values()) token.close();
    await Promise.all([...this.sidecars.values()].map((sidecar) => sidecar.close()));
    await this.supervisor.close();
    await Promise.all(this.apps.splice(0).map((app) => app.close()));
  }

  private async startToken(issuer: TokenIssuer, workload: WorkloadPlan): Promise<void> {
    await privateDirectory(workload.directory);
    const token = new PodToken({
      issuer,
      volume: new ProjectedVolume(workload.tokenDirectory, 'istio-token', this.options.now),
      namespace: workload.namespace,
      serviceAccount: workload.serviceAccount,
      ttlSeconds: this.options.tokenTtlSeconds ?? TOKEN_TTL_SECONDS,
      onError: (error) => this.options.onTrouble(`token of ${workload.name} not replaced: ${error}`),
    });
    this.tokens.set(workload.name, token);
    await token.start();
  }

  private async startCa(ca: CaPlace): Promise<SupervisedProcess> {
    await privateDirectory(ca.directory);
    const process = this.supervisor.start(caProcess(this.options, ca));
    await whenUp(process, (signal) => until(`${ca.name} up`, signal, async () => (await isCaUp(ca)) || undefined));
    return process;
  }

  private async startAgent(
    name: string,
    workload: WorkloadPlan,
    ca: CaPlace,
    onLine: (line: string) => void,
  ): Promise<SupervisedProcess> {
    const args = agentArgs(workload, {
      caAddress: { host: '127.0.0.1', port: ca.port },
      caRootFile: rootFileOf(ca.directory),
      ttlSeconds: this.options.ttlSeconds,
    });
    const process = this.supervisor.start({
      name,
      logFile: join(workload.directory, 'agent.log'),
      ...sidecertCommand(this.options, ['agent', ...args]),
      onLine,
    });
    const socketThere = () => access(workload.socketPath).then(() => true);
    await whenUp(process, (signal) => until(`${name} up`, signal, socketThere));
    return process;
  }
}

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what} has not been started`);
  return value;
}
