import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type RunningApp, startCitadel, startInjector } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import {
  ApiClient,
  findAccess,
  type JsonObject,
  type KubernetesObject,
  type Resource,
} from '../../src/kubernetes/api/index.js';
import { systemClock } from '../../src/timers/index.js';
import { citadelAccount } from './citadel-account.js';
import { rendered } from './helm.js';
import { KubeApiServer, type KubernetesPrograms } from './kube-apiserver.js';
import { RecordingLogger } from './recording-logger.js';
import { settings } from './settings.js';
import { shortDir } from './short-dir.js';
import { StatusReader } from './status-reader.js';

const NAME = 'sidecert-injector.istio-system.svc';

/** A pod with all its fields. */
interface WholePod extends KubernetesObject {
  readonly fields: JsonObject;
}

const PODS: Resource<WholePod> = {
  ...{ group: '', version: 'v1', kind: 'Pod', plural: 'pods' },
  read: (metadata, fields) => ({ metadata, fields }),
};

export interface PodParts {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: JsonObject;
}

export interface SceneInjector {
  readonly app: RunningApp;
  readonly logger: RecordingLogger;
  readonly pages: StatusReader;
  /** As Kubernetes does it: the Service leads no connection to it any more, then it is told to end. */
  end(): Promise<void>;
}

/**
 * A real API server, a Citadel with the roles that the project ships, and what the chart makes of the injector but its
 * pods: those are started by the test, in its process, behind a Service that leads to them.
 */
export class InjectorScene {
  private pods = 0;

  private constructor(
    readonly server: KubeApiServer,
    readonly admin: ApiClient,
    private readonly service: TestService,
    private readonly files: { readonly roots: string; readonly token: string; readonly kubeconfig: string },
    private readonly citadelFlags: Readonly<Record<string, string>>,
    private citadel: RunningApp,
  ) {}

  /** `values` are those of the chart, `citadel` flags of Citadel. */
  static async start(
    t: Test,
    programs: KubernetesPrograms,
    values: Readonly<Record<string, string>> = {},
    citadel: Readonly<Record<string, string>> = {},
  ): Promise<InjectorScene> {
    const server = await KubeApiServer.start(t, programs);
    const directory = shortDir(t);
    const [roots, token] = [join(directory, 'root.pem'), join(directory, 'token')] as const;
    const citadelFlags = {
      ...{ kubernetes: 'true', kubeconfig: await citadelAccount(server), 'root-cert-out': roots },
      ...citadel,
    };
    const app = await startTestCitadel(citadelFlags);
    const service = await TestService.start(t);
    await server.apply(await rendered(t, ['injector-serviceaccount.yaml', 'injector-rbac.yaml']));
    // Without nodes no address of a Service leads anywhere, but that of another host does.
    await server.kubectl(
      'create',
      'service',
      'externalname',
      'sidecert-injector',
      '-n',
      'istio-system',
      '--external-name=localhost',
    );
    writeFileSync(token, await server.token('istio-system', 'sidecert-injector', '--audience=istio-ca'));
    const kubeconfig = server.kubeconfigOf(await server.token('istio-system', 'sidecert-injector'), 'istio-system');
    const admin = new ApiClient({
      access: await findAccess(server.kubeconfig, {}),
      ...{ now: Date.now, clock: systemClock, random: Math.random, logger: new RecordingLogger() },
      ...{ userAgent: 'sidecert/test', fieldManager: 'sidecert-test' },
    });
    t.teardown(() => admin.close());
    const scene = new InjectorScene(server, admin, service, { roots, token, kubeconfig }, citadelFlags, app);
    t.teardown(() => scene.citadel.close());
    await scene.configure(t, values);
    return scene;
  }

  /** Applies the webhook configuration of the chart with these values. */
  async configure(
    t: Test,
    values: Readonly<Record<string, string>> = {},
    port: number = this.service.port,
  ): Promise<void> {
    const manifest = await rendered(t, ['injector-webhook.yaml'], values);
    await this.server.apply(manifest.replaceAll('port: 443', `port: ${port}`));
  }

  /** Those of an injector in this cluster. */
  get injectorFlags(): Readonly<Record<string, string>> {
    return {
      ...{ listen: '127.0.0.1:0', 'status-address': '127.0.0.1:0', namespace: 'istio-system' },
      ...{ 'service-account': 'sidecert-injector', 'webhook-config': 'sidecert-injector' },
      ...{ 'ca-address': this.citadel.address, 'ca-root': this.files.roots, 'token-file': this.files.token },
      ...{ kubeconfig: this.files.kubeconfig },
    };
  }

  /** Another Citadel in the place of the one that is there, with other roots. */
  async replaceCitadel(flags: Readonly<Record<string, string>>): Promise<void> {
    const { address } = this.citadel;
    await this.citadel.close();
    this.citadel = await startTestCitadel({ ...this.citadelFlags, listen: address, ...flags });
  }

  /** `host:port` of Citadel. */
  get caAddress(): string {
    return this.citadel.address;
  }

  /** The roots of Citadel, in PEM. */
  get roots(): Buffer {
    return readFileSync(this.files.roots);
  }

  /** An injector; its Service leads to it as soon as it is ready. */
  async startInjector(t: Test, flags: Readonly<Record<string, string>> = {}): Promise<SceneInjector> {
    const { service } = this;
    const logger = new RecordingLogger();
    const config = settings(COMMANDS.injector, { ...this.injectorFlags, ...flags });
    const app = await startInjector(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
    t.teardown(() => app.close());
    const pages = new StatusReader(logger);
    const end = async (): Promise<void> => {
      service.leaves(app.address);
      await app.close();
    };
    return { app, logger, pages, end: () => end() };
  }

  /** Resolves when it is ready, and its Service leads to it. */
  async serves({ pages, app }: SceneInjector): Promise<void> {
    await until(async () => (await pages.page('/healthz/ready')).code === 200);
    this.service.joins(app.address);
  }

  /** A file with this text, for kubectl. */
  file(t: Test, text: string): string {
    const path = join(shortDir(t), 'manifest');
    writeFileSync(path, text);
    return path;
  }

  namespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    return this.server.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }));
  }

  /** Makes a pod; resolves with it as it was stored. @throws IdentityError as {@link ApiClient.create}. */
  async makePod(namespace: string, { labels = {}, annotations = {}, spec = {} }: PodParts = {}): Promise<JsonObject> {
    this.pods += 1;
    const containers = [{ name: 'app', image: 'app', ports: [{ containerPort: 8080 }] }];
    const place = { namespace, name: `pod-${this.pods}` };
    // Written by a part of the API server that is off here, as it wants what a controller makes.
    const serviceAccountName = 'default';
    const fields = { metadata: { labels, annotations }, spec: { containers, serviceAccountName, ...spec } };
    return (await this.admin.create(PODS, place, fields)).fields;
  }

  /** The roots that API servers verify the injector with, by webhook. */
  async caBundles(): Promise<string[]> {
    const path = 'jsonpath={range .webhooks[*]}{.clientConfig.caBundle}{"\\n"}{end}';
    const text = await this.server.kubectl('get', 'mutatingwebhookconfigurations', 'sidecert-injector', '-o', path);
    return text
      .split('\n')
      .slice(0, -1)
      .map((one) => Buffer.from(one, 'base64').toString());
  }
}

/** Whether a pod has its agent and its Envoy. */
export function isInjected({ spec }: JsonObject): boolean {
  return JSON.stringify(spec).includes('"sidecert-agent"');
}

/** Looks again and again until it is so; a test that waits without end is ended by its runner. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50));
}

function startTestCitadel(flags: Readonly<Record<string, string>>): Promise<RunningApp> {
  const config = settings(COMMANDS.citadel, {
    ...{ listen: '127.0.0.1:0', 'dns-name': `istio-system/sidecert-injector=${NAME}` },
    ...flags,
  });
  const logger = new RecordingLogger();
  return startCitadel(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
}

/** Leads connections to the injectors that are there, by turns. */
class TestService {
  private readonly backends: string[] = [];
  private turn = 0;

  private constructor(private readonly server: Server) {}

  static async start(t: Test): Promise<TestService> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      const backend = service.next();
      if (backend === undefined) {
        socket.destroy();
        return;
      }
      const onward = connect(Number(backend.split(':')[1]), '127.0.0.1');
      for (const [from, to] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
        from.pipe(to);
      }
    });
    const service = new TestService(server);
    // The API server calls it `localhost`, whichever address that is here.
    await once(server.listen(0, 'localhost'), 'listening');
    t.teardown(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return service;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  joins(address: string): void {
    this.backends.push(address);
  }

  leaves(address: string): void {
    this.backends.splice(0, Number.POSITIVE_INFINITY, ...this.backends.filter((one) => one !== address));
  }

  private next(): string | undefined {
    this.turn += 1;
    return this.backends[this.turn % this.backends.length];
  }
}
