import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { DemoCluster, type DemoClusterOptions } from '../../src/demo/demo-cluster.js';
import { freePorts } from '../../src/demo/free-ports.js';
import { HttpClient } from '../../src/demo/kubernetes/http-client.js';
import { PORTS_NEEDED, planDemo } from '../../src/demo/plan.js';
import { until } from '../../src/demo/polling.js';
import type { SupervisedProcess } from '../../src/demo/processes/supervised-process.js';
import { canInjectTokens } from '../../src/demo/sidecars/envoy-version.js';
import { PATIENCE_MS } from './patience.js';

const program = (path: string): string[] => [process.execPath, fileURLToPath(new URL(path, import.meta.url))];

/** What ships, as set-up has built it. */
export const SIDECERT = program('../../../dist/sidecert.js');

/** The same before bundling. */
export const UNBUNDLED_SIDECERT = program('../../src/cli/main.js');

/**
 * What ships; in a run with coverage the same before bundling, whose lines the report can name. A process of what ships
 * needs a third less CPU time to start, and is what is to be tested.
 */
export const COVERED_SIDECERT = process.env.NODE_OPTIONS?.includes('@tapjs/processinfo')
  ? UNBUNDLED_SIDECERT
  : SIDECERT;

/**
 * The same, as a process whose memory is judged: what is garbage must go, so that what is held is seen, and the counts
 * that coverage keeps are not its own. (see {@link WITHOUT_COVERAGE})
 */
export const SMALL_SIDECERT = [UNBUNDLED_SIDECERT[0] ?? '', '--max-old-space-size=200', ...UNBUNDLED_SIDECERT.slice(1)];

/** For the environment of a process. */
export const WITHOUT_COVERAGE = { NODE_V8_COVERAGE: '' };

/** The demo's mesh of real processes, and how a test follows it. */
export interface Mesh {
  readonly cluster: DemoCluster;
  /** How often a process of it has died, and was started again. */
  deathsOf(process: SupervisedProcess): number;
  /** Plain HTTP into the sidecar of a client. */
  client(name: string): HttpClient;
  /** Resolves with the serial of the next certificate of a workload that is issued after the call. */
  nextCertificate(workload: string): Promise<string>;
  /** Resolves when a sidecar serves something other than `serial`. */
  servesOther(sidecar: string, serial: string): Promise<string>;
}

export type MeshOptions = Pick<DemoClusterOptions, 'ttlSeconds' | 'tokenTtlSeconds'> & {
  readonly envoyPath: string;
  /** The share of its life after which a certificate is renewed; a half unless given. */
  readonly renewAt?: number;
};

/** Waits until a process says something that it had not said before the call. */
export async function says(process: SupervisedProcess, text: string): Promise<void> {
  const before = new Set(process.tail);
  await until(
    `${process.name} says ${text}`,
    AbortSignal.timeout(PATIENCE_MS),
    async () => process.tail.some((line) => line.includes(text) && !before.has(line)) || undefined,
  );
}

/** Kills it as any process could; what dies of it is started again. Returns the process id of the dead. */
export function kill({ name, pid }: SupervisedProcess): number {
  if (pid === undefined) throw new Error(`${name}: got no process, expected one to kill`);
  process.kill(pid, 'SIGKILL');
  return pid;
}

/** Starts all of it, and ends it with the test. */
export async function startMesh(t: Test, given: MeshOptions): Promise<Mesh> {
  const { renewAt, ...options } = given;
  if (renewAt !== undefined) {
    process.env.SIDECERT_RENEW_AT = String(renewAt);
    t.teardown(() => delete process.env.SIDECERT_RENEW_AT);
  }
  const directory = await mkdtemp(join(tmpdir(), 'sidecert-e2e-'));
  const listeners = new Set<(workload: string, serial: string) => void>();
  const troubles: string[] = [];
  const cluster = new DemoCluster({
    ...options,
    directory,
    plan: planDemo(directory, await freePorts(PORTS_NEEDED), { hasInjector: await canInjectTokens(options.envoyPath) }),
    sidecertCommand: SIDECERT,
    onTrouble: (line) => troubles.push(line),
    onRotation: ({ name }, { serial }) => {
      for (const listener of listeners) listener(name, serial);
    },
    now: Date.now,
  });
  const clients = new Map(
    cluster.plan.clients.map(({ name, outbound }) => [name, new HttpClient(outbound?.port ?? 0)]),
  );
  t.teardown(async () => {
    for (const client of clients.values()) client.close();
    await cluster.close();
    await rm(directory, { recursive: true, force: true });
  });
  await cluster.startTokens();
  await cluster.startCitadel();
  await cluster.startAgents();
  await cluster.startSidecars();
  return {
    cluster,
    deathsOf: ({ name }) => troubles.filter((line) => line.startsWith(`${name} died`)).length,
    client(name) {
      const client = clients.get(name);
      if (client === undefined) throw new Error(`no client ${name}`);
      return client;
    },
    nextCertificate: (workload) =>
      new Promise((resolve) => {
        const listener = (name: string, serial: string): void => {
          if (name !== workload) return;
          listeners.delete(listener);
          resolve(serial);
        };
        listeners.add(listener);
      }),
    servesOther: (name, serial) =>
      until(`${name} with another certificate`, AbortSignal.timeout(PATIENCE_MS), async () => {
        const now = (await cluster.sidecar(name).status()).serial;
        return now === serial ? undefined : now;
      }),
  };
}
