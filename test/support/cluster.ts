import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

/** What `scripts/kubernetes/cluster.mjs` gives. */
export interface Cluster {
  readonly state: string;
  up(): Promise<void>;
  down(): Promise<void>;
  /** Resolves with what kubectl says. @throws Error with what it says when it fails. */
  kubectl(args: readonly string[], options?: { input?: string; timeoutMs?: number }): Promise<string>;
  /** Runs a command inside, with kubectl on its PATH. */
  enter(
    command: readonly string[],
    options?: { input?: string; timeoutMs?: number },
  ): Promise<{ code: number; output: string }>;
}

/** What `scripts/kubernetes/pods.mjs` gives: pods by namespace and label `app`. */
export interface Pods {
  exec(
    namespace: string,
    app: string,
    container: string,
    command: readonly string[],
    options?: { timeoutMs?: number },
  ): Promise<string>;
  serial(namespace: string, app: string): Promise<string | undefined>;
  nextSerial(namespace: string, app: string, serial: string | undefined, limitMs: number): Promise<string>;
  restarts(namespace: string, app: string): Promise<Record<string, number>>;
  account(namespace: string): Promise<string>;
  pid(namespace: string, app: string, container: string): Promise<number>;
}

/** build/test/support/ → the project. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Far above what anything here takes on a busy machine. */
export const CLUSTER_PATIENCE_MS = 240_000;

/**
 * The cluster that the runner of tests has brought up (scripts/test.mjs). Without one a test fails, unless
 * ALLOW_NO_KUBERNETES=1 says that skipping is all right.
 */
export const NO_CLUSTER: string | false =
  isNamed(process.env.CLUSTER_STATE) || process.env.ALLOW_NO_KUBERNETES !== '1'
    ? false
    : 'no cluster, and ALLOW_NO_KUBERNETES=1';

/** Both, of the cluster that is up. @throws Error when there is none. */
export async function openCluster(): Promise<{ cluster: Cluster; pods: Pods }> {
  const { CLUSTER_STATE: state } = process.env;
  if (!isNamed(state)) throw new Error('no cluster: run npm run test:kubernetes');
  const cluster = await clusterIn(state);
  return { cluster, pods: await podsOf(cluster) };
}

/** The cluster that has this folder for its state, be it up or not. */
export async function clusterIn(state: string): Promise<Cluster> {
  const { Cluster } = await importScript<{ Cluster: new (of: object) => Cluster }>('cluster.mjs');
  process.chdir(ROOT);
  return new Cluster({ programs: process.env.CLUSTER_PROGRAMS, state });
}

async function podsOf(cluster: Cluster): Promise<Pods> {
  const { Pods } = await importScript<{ Pods: new (cluster: Cluster) => Pods }>('pods.mjs');
  return new Pods(cluster);
}

function importScript<T>(name: string): Promise<T> {
  return import(new URL(`../../../scripts/kubernetes/${name}`, import.meta.url).href);
}

/** A namespace that goes with the test. When the test has failed, what went on in it is written to stderr first. */
export async function ownNamespace(t: Test, cluster: Cluster, name: string): Promise<string> {
  await cluster.kubectl(['create', 'namespace', name]);
  t.teardown(async () => {
    if (!t.passing()) process.stderr.write(`${await (await podsOf(cluster)).account(name)}\n`);
    await cluster.kubectl(['delete', 'namespace', name, '--wait=false']);
  });
  return name;
}

/** The line that runs what ships. */
export const SHIPPED = `${process.execPath} ${resolve(ROOT, 'dist/sidecert.js')}`;

function isNamed(state: string | undefined): state is string {
  return state !== undefined && state !== '' && state !== 'none';
}
