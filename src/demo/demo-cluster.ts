import { access, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { renderBootstrap } from '../app/index.js';
import { readBootstrapConfig } from './bootstrap-config.js';
import { type HttpApp, startHttpbin } from './kubernetes/http-app.js';
import { PodToken } from './kubernetes/pod-token.js';
import { ProjectedVolume } from './kubernetes/projected-volume.js';
import { createTokenIssuer, TOKEN_ISSUER, type TokenIssuer } from './kubernetes/token-issuer.js';
import { agentArgs, bootstrapArgs, type DemoPlan, type SidecarPlan, TRUST_DOMAIN, type WorkloadPlan } from './plan.js';
import { until } from './polling.js';
import type { SupervisedProcess } from './processes/supervised-process.js';
import { Supervisor } from './processes/supervisor.js';
import { type Rotation, readRotation } from './rotation-line.js';
import { EnvoySidecar, envoyArgs } from './sidecars/envoy-sidecar.js';
import type { Sidecar } from './sidecars/sidecar.js';
import { StandInSidecar } from './sidecars/stand-in-sidecar.js';

/** What a start may take before the demo gives up; a slow machine needs a few seconds. */
const START_LIMIT_MS = 30_000;

export interface DemoClusterOptions {
  /** The demo's own directory; nothing is written elsewhere. */
  readonly directory: string;
  readonly plan: DemoPlan;
  /** Undefined: our stand-in takes the place of each Envoy. */
  readonly envoyPath: string | undefined;
  /** How to run `sidecert`: program and leading arguments. */
  readonly sidecertCommand: readonly string[];
  /** The life of the workloads' certificates. */
  readonly ttlSeconds: number;
  /** Hears of each process that died on its own, and of each token that could not be replaced. */
  readonly onTrouble: (line: string) => void;
  readonly onRotation: (workload: WorkloadPlan, rotation: Rotation) => void;
  readonly now: () => number;
}

/**
 * Everything that a mesh of four workloads needs, on one machine: the parts are started by the methods, in the order in
 * which they stand here, and ended by `close`.
 */
export class DemoCluster {
  readonly plan: DemoPlan;
  readonly #supervisor: Supervisor;
  readonly #sidecars = new Map<string, Sidecar>();
  readonly #agents = new Map<string, SupervisedProcess>();
  readonly #tokens = new Map<string, PodToken>();
  readonly #apps: HttpApp[] = [];
  #citadel: SupervisedProcess | undefined;

  constructor(private readonly options: DemoClusterOptions) {
    this.plan = options.plan;
    this.#supervisor = new Supervisor({ directory: options.directory, onDeath: options.onTrouble });
  }

  /** Below which no file may hold a key or a certificate. */
  get workloadsDirectory(): string {
    return join(this.options.directory, 'workloads');
  }

  /** Holds the root's key, as a CA directory must. */
  get citadelDirectory(): string {
    return join(this.options.directory, 'citadel');
  }

  get citadel(): SupervisedProcess {
    return present(this.#citadel, 'Citadel');
  }

  sidecar(name: string): Sidecar {
    return present(this.#sidecars.get(name), `sidecar ${name}`);
  }

  agent(workload: string): SupervisedProcess {
    return present(this.#agents.get(workload), `agent of ${workload}`);
  }

  token(workload: string): PodToken {
    return present(this.#tokens.get(workload), `token of ${workload}`);
  }

  /** The issuer's key set, and a token file for each pod. */
  async startTokens(): Promise<void> {
    const issuer = await createTokenIssuer(this.options.now);
    await mkdir(this.citadelDirectory, { recursive: true, mode: 0o700 });
    await writeFile(this.#jwksFile, issuer.jwks);
    await Promise.all(this.plan.workloads.map((workload) => this.#startToken(issuer, workload)));
  }

  async #startToken(issuer: TokenIssuer, workload: WorkloadPlan): Promise<void> {
    await mkdir(workload.directory, { recursive: true, mode: 0o700 });
    const token = new PodToken({
      issuer,
      volume: new ProjectedVolume(workload.tokenDirectory, 'istio-token', this.options.now),
      namespace: workload.namespace,
      serviceAccount: workload.serviceAccount,
      onError: (error) => this.options.onTrouble(`token of ${workload.name} not replaced: ${error}`),
    });
    this.#tokens.set(workload.name, token);
    await token.start();
  }

  /** Resolves when Citadel takes connections. After a `stop` of the process it may be started again, with the same root. */
  async startCitadel(): Promise<void> {
    const directory = this.citadelDirectory;
    this.#citadel = this.#startCa('Citadel', directory, this.plan.citadelPort, ['--ca-dir', join(directory, 'ca')]);
    await this.#caReady('Citadel', this.#citadel, directory, this.plan.citadelPort);
  }

  /**
   * A second Citadel with a root of its own, believing the same tokens, and an agent that asks it: both names are right,
   * only the root is not. Resolves with the agent's socket; `close` ends both.
   */
  async startForeign(port: number): Promise<{ socketPath: string; close(): Promise<void> }> {
    const directory = join(this.options.directory, 'foreign');
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const citadel = this.#startCa('foreign Citadel', directory, port, []);
    await this.#caReady('foreign Citadel', citadel, directory, port);
    const like = present(this.plan.workloads[0], 'first workload');
    const workload: WorkloadPlan = { ...like, tokenSource: 'file', directory, socketPath: join(directory, 'sds.sock') };
    const agent = this.#startAgent('foreign agent', workload, directory, port, () => {});
    await this.#socketReady(agent, workload);
    return {
      socketPath: workload.socketPath,
      async close() {
        await Promise.all([agent.stop(), citadel.stop()]);
      },
    };
  }

  /** One agent per workload. Resolves when all their sockets are there. */
  async startAgents(): Promise<void> {
    await Promise.all(
      this.plan.workloads.map(async (workload) => {
        const onLine = (line: string): void => {
          const rotation = readRotation(line);
          if (rotation !== undefined) this.options.onRotation(workload, rotation);
        };
        const { citadelPort } = this.plan;
        const agent = this.#startAgent(
          `agent of ${workload.name}`,
          workload,
          this.citadelDirectory,
          citadelPort,
          onLine,
        );
        this.#agents.set(workload.name, agent);
        await this.#socketReady(agent, workload);
      }),
    );
  }

  /** The apps and a sidecar in front of each. Resolves when all sidecars hold a certificate. */
  async startSidecars(): Promise<void> {
    for (const { inbound, name } of this.plan.servers) {
      if (inbound === undefined) throw new Error(`${name}: a server without an inbound listener`);
      this.#apps.push(await startHttpbin(inbound.appPort));
    }
    await Promise.all(
      this.plan.sidecars.map(async (plan) => {
        const { sidecar, explain } = await this.#startSidecar(plan);
        this.#sidecars.set(plan.name, sidecar);
        await sidecar.ready(AbortSignal.timeout(START_LIMIT_MS)).catch((error: unknown) => {
          throw new Error(explain(), { cause: error });
        });
      }),
    );
  }

  /** Ends everything that was started. Safe to call twice. */
  async close(): Promise<void> {
    for (const token of this.#tokens.values()) token.close();
    await Promise.all([...this.#sidecars.values()].map((sidecar) => sidecar.close()));
    await this.#supervisor.close();
    await Promise.all(this.#apps.splice(0).map((app) => app.close()));
  }

  get #jwksFile(): string {
    return join(this.citadelDirectory, 'jwks.json');
  }

  #sidecert(args: readonly string[]): { command: string; args: string[] } {
    const [command = process.execPath, ...leading] = this.options.sidecertCommand;
    return { command, args: [...leading, ...args] };
  }

  #startCa(name: string, directory: string, port: number, extraArgs: readonly string[]): SupervisedProcess {
    return this.#supervisor.start({
      name,
      logFile: join(directory, 'citadel.log'),
      ...this.#sidecert([
        ...['citadel', '--listen', `127.0.0.1:${port}`, '--trust-domain', TRUST_DOMAIN],
        ...['--jwks', this.#jwksFile, '--token-issuer', TOKEN_ISSUER],
        ...['--root-cert-out', rootFile(directory), ...extraArgs],
      ]),
    });
  }

  async #caReady(name: string, ca: SupervisedProcess, directory: string, port: number): Promise<void> {
    await this.#waitFor(name, ca, async () => {
      await access(rootFile(directory));
      return canConnect(port);
    });
  }

  #startAgent(
    name: string,
    workload: WorkloadPlan,
    caDirectory: string,
    caPort: number,
    onLine: (line: string) => void,
  ): SupervisedProcess {
    const caAddress = { host: '127.0.0.1', port: caPort };
    const { ttlSeconds } = this.options;
    return this.#supervisor.start({
      name,
      logFile: join(workload.directory, 'agent.log'),
      ...this.#sidecert([
        'agent',
        ...agentArgs(workload, { caAddress, caRootFile: rootFile(caDirectory), ttlSeconds }),
      ]),
      onLine,
    });
  }

  async #socketReady(agent: SupervisedProcess, { socketPath }: WorkloadPlan): Promise<void> {
    await this.#waitFor(agent.name, agent, async () => {
      await access(socketPath);
      return true;
    });
  }

  async #startSidecar(plan: SidecarPlan): Promise<{ sidecar: Sidecar; explain: () => string }> {
    const { envoyPath } = this.options;
    const { directory, tokenSource } = plan.workload;
    const config = readBootstrapConfig(bootstrapArgs(plan));
    if (envoyPath === undefined) {
      const token = this.token(plan.workload.name);
      const readToken = tokenSource === 'stream' ? () => token.read() : undefined;
      const explain = (): string => `${plan.name}: the stand-in for Envoy got no certificate`;
      return { sidecar: new StandInSidecar(plan.name, config, readToken), explain };
    }
    const configFile = join(directory, `${plan.name}.envoy.yaml`);
    await writeFile(configFile, await renderBootstrap(config));
    const process = this.#supervisor.start({
      name: `Envoy of ${plan.name}`,
      command: envoyPath,
      args: envoyArgs(configFile),
      logFile: join(directory, `${plan.name}.envoy.log`),
    });
    return { sidecar: new EnvoySidecar(plan.name, plan.adminPort, process), explain: () => withTail(process) };
  }

  async #waitFor(name: string, process: SupervisedProcess, probe: () => Promise<boolean>): Promise<void> {
    try {
      await until(`${name} ready`, AbortSignal.timeout(START_LIMIT_MS), async () => (await probe()) || undefined);
    } catch (error) {
      throw new Error(withTail(process), { cause: error });
    }
  }
}

/** What a person needs to see when a process does not get ready. */
function withTail({ name, tail }: SupervisedProcess): string {
  return `${name} did not get ready; its last lines:\n${tail.map((line) => `  ${line}`).join('\n')}`;
}

function rootFile(directory: string): string {
  return join(directory, 'root-cert.pem');
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what} has not been started`);
  return value;
}
