import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { freePorts } from '../../src/demo/free-ports.js';

/** What tests with a real API server need: etcd, kube-apiserver and kubectl in one folder. */
export interface KubernetesPrograms {
  readonly directory: string;
  readonly skip: string | false;
}

/** The issuer of its service accounts. */
export const SERVICE_ACCOUNT_ISSUER = 'https://kubernetes.default.svc.cluster.local';

/** On a machine that is busy it takes several times the three seconds of a quiet one. */
const START_PATIENCE_MS = 120_000;

const MANY_BYTES = 16 * 1024 * 1024;

/**
 * Where the programs are, by `KUBEBUILDER_ASSETS`, as controllers written in Go have it. Without them such a test
 * fails, unless ALLOW_NO_KUBERNETES=1 says that skipping is all right: a suite must not turn green because a tool is
 * missing.
 */
export function kubernetesPrograms(): KubernetesPrograms {
  const directory = process.env.KUBEBUILDER_ASSETS;
  if (directory !== undefined && directory !== '' && directory !== 'none') {
    for (const name of ['etcd', 'kube-apiserver', 'kubectl']) accessSync(join(directory, name), constants.X_OK);
    return { directory, skip: false };
  }
  return {
    directory: 'no-kubernetes-found: run npm test, or set KUBEBUILDER_ASSETS',
    skip: process.env.ALLOW_NO_KUBERNETES === '1' ? 'no Kubernetes, and ALLOW_NO_KUBERNETES=1' : false,
  };
}

/**
 * A real API server with its etcd and RBAC, and nothing else: no controllers, so that a namespace which is deleted
 * stays there as terminating, and no kubelet. Ended with the test.
 */
export class KubeApiServer {
  /** As a member of system:masters. */
  readonly kubeconfig: string;
  readonly caFile: string;
  private apiServer: ChildProcess | undefined;

  private constructor(
    private readonly directory: string,
    private readonly programs: string,
    private readonly ports: { readonly etcd: number; readonly peer: number; readonly api: number },
  ) {
    this.kubeconfig = join(directory, 'admin.kubeconfig');
    this.caFile = join(directory, 'ca.crt');
  }

  static async start(t: Test, { directory: programs }: KubernetesPrograms): Promise<KubeApiServer> {
    accessSync(join(programs, 'etcd'), constants.X_OK);
    const directory = mkdtempSync(join(tmpdir(), 'sc-kube-'));
    const [etcdPort = 0, peerPort = 0, apiPort = 0] = await freePorts(3);
    const server = new KubeApiServer(directory, programs, { etcd: etcdPort, peer: peerPort, api: apiPort });
    server.writeCredentials();
    const etcd = server.startEtcd();
    t.teardown(async () => {
      await server.stop();
      await ended(etcd);
      rmSync(directory, { recursive: true, force: true });
    });
    await server.startApi();
    return server;
  }

  get url(): string {
    return `https://127.0.0.1:${this.ports.api}`;
  }

  /** Ends the API server, and not its etcd; {@link startApi} brings it back with what it knew. */
  async stop(): Promise<void> {
    const { apiServer } = this;
    this.apiServer = undefined;
    if (apiServer !== undefined) await ended(apiServer);
  }

  /** Resolves when it is ready. */
  async startApi(): Promise<void> {
    const { directory, ports } = this;
    const file = (name: string): string => join(directory, name);
    this.apiServer = this.spawn('kube-apiserver', [
      `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
      ...['--bind-address=127.0.0.1', `--secure-port=${ports.api}`, '--endpoint-reconciler-type=none'],
      ...[`--tls-cert-file=${file('server.crt')}`, `--tls-private-key-file=${file('server.key')}`],
      ...[`--client-ca-file=${file('ca.crt')}`, '--authorization-mode=RBAC'],
      `--service-account-issuer=${SERVICE_ACCOUNT_ISSUER}`,
      `--service-account-key-file=${file('service-accounts.pub')}`,
      `--service-account-signing-key-file=${file('service-accounts.key')}`,
      ...['--service-cluster-ip-range=10.96.0.0/16', '--disable-admission-plugins=ServiceAccount'],
    ]);
    const until = Date.now() + START_PATIENCE_MS;
    for (;;) {
      // The roles that come with it are written when it is ready: by a hook that /readyz waits for.
      if (await this.kubectl('get', '--raw', '/readyz').then(isOk, isFalse)) return;
      if (this.apiServer.exitCode !== null || Date.now() > until) {
        throw new Error(`kube-apiserver did not become ready:\n${this.log('kube-apiserver')}`);
      }
      await sleep(200);
    }
  }

  /** Runs kubectl as an administrator. Resolves with what it prints. */
  async kubectl(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(
      join(this.programs, 'kubectl'),
      ['--kubeconfig', this.kubeconfig, ...args],
      { env: { HOME: this.directory, PATH: process.env.PATH ?? '' }, maxBuffer: MANY_BYTES },
    );
    return stdout;
  }

  /** `kubectl apply` of a manifest. */
  async apply(manifest: string, ...flags: readonly string[]): Promise<void> {
    const path = join(this.directory, `manifest-${Math.random().toString(36).slice(2)}.yaml`);
    writeFileSync(path, manifest);
    await this.kubectl('apply', '-f', path, ...flags);
  }

  /** A token of a service account, which is made when it is not there. */
  async token(namespace: string, account: string, ...args: readonly string[]): Promise<string> {
    await this.kubectl('create', 'serviceaccount', account, '-n', namespace).catch(() => {});
    return (await this.kubectl('create', 'token', account, '-n', namespace, ...args)).trim();
  }

  /** A kubeconfig with this token; the path of it. */
  kubeconfigOf(token: string, namespace = 'default'): string {
    const path = join(this.directory, `user-${Math.random().toString(36).slice(2)}.kubeconfig`);
    writeFileSync(path, kubeconfigText(this.url, this.caFile, { token }, namespace), { mode: 0o600 });
    return path;
  }

  private startEtcd(): ChildProcess {
    const { etcd, peer } = this.ports;
    return this.spawn('etcd', [
      ...['--data-dir', join(this.directory, 'etcd'), '--unsafe-no-fsync', '--log-level', 'error'],
      ...['--listen-client-urls', `http://127.0.0.1:${etcd}`, '--advertise-client-urls', `http://127.0.0.1:${etcd}`],
      ...[
        '--listen-peer-urls',
        `http://127.0.0.1:${peer}`,
        '--initial-advertise-peer-urls',
        `http://127.0.0.1:${peer}`,
      ],
      ...['--initial-cluster', `default=http://127.0.0.1:${peer}`],
    ]);
  }

  private spawn(name: string, args: readonly string[]): ChildProcess {
    const log = openSync(join(this.directory, `${name}.log`), 'a');
    const child = spawn(join(this.programs, name), args, { stdio: ['ignore', log, log] });
    // A test that runs out of time has no teardown.
    const kill = (): boolean => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    closeSync(log);
    return child;
  }

  private log(name: string): string {
    return readFileSync(join(this.directory, `${name}.log`), 'utf8')
      .split('\n')
      .slice(-20)
      .join('\n');
  }

  /** A CA, the server's certificate, that of the administrator, and the key of service accounts. */
  private writeCredentials(): void {
    const { directory } = this;
    const openssl = (...args: string[]): void =>
      void execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'ignore', 'ignore'] });
    const key = (name: string): void => openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', name);
    const issue = (name: string, subject: string, extensions: string): void => {
      key(`${name}.key`);
      writeFileSync(join(directory, `${name}.ext`), extensions);
      openssl('req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`);
      const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'];
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        ...signer,
        '-days',
        '2',
        '-extfile',
        `${name}.ext`,
        '-out',
        `${name}.crt`,
      );
    };
    key('ca.key');
    openssl('req', '-x509', '-new', '-key', 'ca.key', '-subj', '/CN=cluster-ca', '-days', '2', '-out', 'ca.crt');
    const names = 'DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1';
    issue('server', '/CN=kube-apiserver', `subjectAltName=${names}\nextendedKeyUsage=serverAuth`);
    issue('admin', '/O=system:masters/CN=admin', 'extendedKeyUsage=clientAuth');
    openssl('genrsa', '-out', 'service-accounts.key', '2048');
    openssl('pkey', '-in', 'service-accounts.key', '-pubout', '-out', 'service-accounts.pub');
    const user = { 'client-certificate': 'admin.crt', 'client-key': 'admin.key' };
    writeFileSync(this.kubeconfig, kubeconfigText(this.url, this.caFile, user, 'default'));
  }
}

/** A kubeconfig with one context. */
export function kubeconfigText(server: string, ca: string, user: object, namespace: string): string {
  return JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'test' },
    clusters: [{ name: 'cluster', cluster: { server, 'certificate-authority': ca } }],
    users: [{ name: 'user', user }],
    contexts: [{ name: 'test', context: { cluster: 'cluster', user: 'user', namespace } }],
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, 'exit');
  child.kill('SIGKILL');
  await over;
}

function isOk(text: string): boolean {
  return text.startsWith('ok');
}

function isFalse(): boolean {
  return false;
}
