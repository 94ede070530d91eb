import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../src/demo/polling.js';
import { envoyArgs } from '../../src/demo/sidecars/envoy-sidecar.js';
import { envoyBootstrap } from '../../src/envoy-bootstrap/envoy-bootstrap.js';
import type { EnvoyObject } from '../../src/envoy-bootstrap/envoy-values.js';
import type { WorkloadProxy } from '../../src/envoy-bootstrap/workload-proxy.js';
import { plainSerial } from '../../src/text/index.js';
import { PATIENCE_MS } from './patience.js';
import { askUnix } from './unix-http.js';
import { Written } from './written.js';

/** Closes at its end what is given: a test, or a bench. */
interface Closing {
  teardown(close: () => unknown): void;
}

export interface EnvoyFiles {
  readonly admin: string;
  readonly inbound: string;
  readonly outbound: string;
  readonly app: string;
}

/** The sockets of one Envoy: nothing of it is on a network. */
export function envoyFiles(directory: string): EnvoyFiles {
  const file = (name: string): string => join(directory, name);
  return { admin: file('admin'), inbound: file('in'), outbound: file('out'), app: file('app') };
}

/** The bootstrap of a sidecar that lets the trust domain in, as `sidecert bootstrap` makes it, on Unix sockets. */
export function sidecarBootstrap(
  files: EnvoyFiles,
  changes: Partial<WorkloadProxy> & Pick<WorkloadProxy, 'socketPath'>,
): EnvoyObject {
  return envoyBootstrap({
    nodeId: 'test',
    cluster: 'test',
    tokenPassing: { kind: 'none' },
    sdsApi: 'sotw',
    pollMs: 200,
    certificateName: 'default',
    bundleName: 'ROOTCA',
    admin: { path: files.admin },
    inbound: {
      address: { path: files.inbound },
      app: { path: files.app },
      allowedSans: [{ kind: 'prefix', value: 'spiffe://cluster.local/' }],
    },
    outbound: undefined,
    initialFetchTimeoutMs: 30_000,
    maxConnectionAgeMs: 3_600_000,
    ...changes,
  });
}

interface Start {
  readonly path: string;
  readonly files: EnvoyFiles;
  /** Its admin page is at the path of `files`. */
  readonly bootstrap: EnvoyObject;
}

/** A real Envoy with one thread, seen through its admin pages on a Unix socket. */
export class RunningEnvoy {
  readonly #child: ChildProcess;
  readonly #output: Written;
  /** Aborts when it has ended: then nothing is worth waiting for. */
  readonly #gone = new AbortController();

  /** Starts it, and ends it with the test. It may not be ready yet. @throws when there is no such program. */
  static async start(t: Closing, { path, files, bootstrap }: Start): Promise<RunningEnvoy> {
    const configFile = `${files.admin}.json`;
    await writeFile(configFile, JSON.stringify(bootstrap));
    const envoy = new RunningEnvoy(path, configFile, files);
    t.teardown(() => envoy.close());
    await once(envoy.#child, 'spawn');
    return envoy;
  }

  private constructor(
    path: string,
    configFile: string,
    readonly files: EnvoyFiles,
  ) {
    const child = spawn(path, envoyArgs(configFile), { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    child.on('exit', () => this.#gone.abort());
    this.#output = new Written(child.stderr, 'Envoy');
  }

  /** Ends it. Resolves with all that it has logged: warnings and errors. */
  async log(): Promise<string> {
    await this.close();
    return this.#output.whole();
  }

  /** The value of one counter or gauge by the end of its name; 0 while it has none. */
  async stat(name: string): Promise<number> {
    const pattern = encodeURIComponent(`${name.replaceAll('.', '\\.')}$`);
    const { stats } = JSON.parse(await this.page(`/stats?format=json&filter=${pattern}`));
    return stats.reduce((sum: number, { value }: { value?: unknown }) => sum + (Number(value) || 0), 0);
  }

  /** Resolves when it is at least `value`. @throws Error with Envoy's log when that does not happen. */
  async untilStat(name: string, value: number): Promise<void> {
    await this.until(`${name} is ${value}`, async () => (await this.stat(name)) >= value || undefined);
  }

  /** Resolves when it takes connections: all listeners have their secrets, or have waited long enough. */
  async ready(): Promise<void> {
    await this.until('Envoy ready', async () => (await this.page('/ready')) || undefined);
  }

  /** The serials of the leaves that it holds. */
  async serials(): Promise<string[]> {
    const { certificates } = JSON.parse(await this.page('/certs'));
    const leaves = certificates.flatMap(({ cert_chain }: { cert_chain?: { serial_number: string }[] }) =>
      (cert_chain ?? []).slice(0, 1),
    );
    return leaves.map(({ serial_number }: { serial_number: string }) => plainSerial(serial_number));
  }

  async page(path: string): Promise<string> {
    const { status, body } = await askUnix(this.files.admin, path);
    if (status !== 200) throw new Error(`admin page ${path} answered ${status}, expected 200`);
    return body;
  }

  async until<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
    const limit = AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), this.#gone.signal]);
    return until(what, limit, probe).catch((error: Error) => {
      throw this.#output.failure(error.message, error);
    });
  }

  async close(): Promise<void> {
    if (this.#gone.signal.aborted || this.#child.pid === undefined) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
