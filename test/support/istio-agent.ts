import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { until } from '../../src/demo/polling.js';
import { PATIENCE_MS } from './patience.js';
import { shortDir } from './short-dir.js';

/** As `npm test` says. */
const PROGRAM = process.env.ISTIO_AGENT_PATH ?? 'none';

/** Why there is none here; false when there is one. */
export const NO_ISTIO_AGENT: string | false =
  PROGRAM === 'none' && "no agent of Istio's: npm test builds it where Go is on the PATH";

/** Relative to the directory that it runs in: the file name alone can be set. (istio.io, pkg/security) */
const SOCKET = 'var/run/secrets/workload-spiffe-uds/socket';

interface IstioAgentOptions {
  readonly ca: { readonly address: string; readonly rootPem: Buffer };
  readonly token: string;
  /** In the namespace `foo`. */
  readonly serviceAccount: string;
}

/**
 * Istio's own SDS server, secret cache and CA client, at Istio's commit of test/support/istio-agent/go.mod, as
 * pilot-agent puts them together.
 */
export class IstioAgent {
  readonly socket: string;
  private child: ChildProcess | undefined;

  constructor(
    t: Test,
    private readonly options: IstioAgentOptions,
    private readonly directory = shortDir(t),
  ) {
    this.socket = join(directory, SOCKET);
    writeFileSync(join(directory, 'root.pem'), options.ca.rootPem);
    writeFileSync(join(directory, 'token'), options.token);
    t.teardown(() => this.stop());
  }

  /** Resolves when its socket is there. No other agent may serve that. */
  async start(): Promise<void> {
    const { ca, serviceAccount } = this.options;
    this.child = spawn(PROGRAM, ['root.pem', 'token'], {
      cwd: this.directory,
      stdio: 'ignore',
      env: {
        ...{ CA_ADDR: ca.address, TRUST_DOMAIN: 'cluster.local', POD_NAMESPACE: 'foo' },
        ...{ SERVICE_ACCOUNT: serviceAccount, SECRET_TTL: '24h' },
      },
    });
    await until("the socket of Istio's agent", AbortSignal.timeout(PATIENCE_MS), async () => {
      return existsSync(this.socket) || undefined;
    });
  }

  /** As the kubelet ends it. Safe to call twice. */
  async stop(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}
