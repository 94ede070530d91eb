import { X509Certificate } from 'node:crypto';
import t, { type Test } from 'tap';
import {
  CLUSTER_PATIENCE_MS,
  type Cluster,
  NO_CLUSTER,
  openCluster,
  ownNamespace,
  SHIPPED,
} from '../support/cluster.js';
import { istioFiles, mountedFiles } from '../support/mounted-identity.js';
import { TestCa } from '../support/test-ca.js';
import { applyInjected, eventually, rolledOut, rootOf, upstreamOf } from './mesh.js';
import { fileConfiguredEnvoy } from './old-sidecar.js';

const HTTPBIN = 'docker.io/mccutchen/go-httpbin:v2.15.0';
const CURL = 'docker.io/curlimages/curl:8.16.0';

/** What the agents of this test move away from and to. */
const MOVING = 'file,ca';

/**
 * Where the clients write, one file for each pod: they outlive the pods. `*.codes` has the status of each answer,
 * `*.faults` what an answer other than 200 said, after how long, and when.
 */
const LOAD = '/load';

/** A Secret as Citadel of Istio 1.1 made it for each service account. */
function istioSecret(namespace: string, account: string, old: TestCa): object {
  const set = mountedFiles({ ca: old, uris: [`spiffe://cluster.local/ns/${namespace}/sa/${account}`] });
  const data = Object.entries(istioFiles(set)).map(([name, content]) => [name, content.toString('base64')]);
  return {
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'istio.io/key-and-cert' },
    ...{ metadata: { name: `istio.${account}` }, data: Object.fromEntries(data) },
  };
}

interface Workload {
  readonly name: string;
  readonly container: object;
  readonly volumes?: readonly object[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** Its own Envoy with the Secret at `/etc/certs`. */
  readonly oldSidecar?: object;
}

/** A Deployment that is replaced by the next one of its name, pod by pod. */
function deployment({ name, container, volumes = [], annotations = {}, oldSidecar }: Workload): object {
  const certs = { name: 'istio-certs', secret: { secretName: `istio.${name}` } };
  return {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name } },
    spec: {
      ...{ replicas: 1, selector: { matchLabels: { app: name } } },
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: { app: name }, annotations },
        spec: {
          ...{ serviceAccountName: name, terminationGracePeriodSeconds: 20 },
          containers: [container, ...(oldSidecar === undefined ? [] : [oldSidecar])],
          volumes: [...volumes, ...(oldSidecar === undefined ? [] : [certs])],
        },
      },
    },
  };
}

function httpbin(rest: Partial<Workload>): object {
  const isOld = rest.oldSidecar !== undefined;
  const port = { containerPort: 80, ...(!isOld && { name: 'mesh' }) };
  const container = {
    ...{ name: 'httpbin', image: HTTPBIN, ports: [port], env: [{ name: 'PORT', value: '80' }] },
    // It listens some time after its process has begun, and Envoy is ready before that.
    readinessProbe: { httpGet: { path: '/get', port: 80 }, periodSeconds: 1 },
    // For as long as its Envoy; an injection adds the same.
    ...(isOld && { lifecycle: { preStop: { sleep: { seconds: 8 } } } }),
  };
  return deployment({ name: 'httpbin', container, ...rest });
}

/** Asks all the time, by the Envoy of its pod, and ends before that does. */
function sleep(namespace: string, rest: Partial<Workload>): object {
  const script = [
    'trap "exit 0" TERM',
    `mine=${LOAD}/$HOSTNAME`,
    'ask() {',
    `  curl -s -o $mine.body -m 10 -w '%{http_code} %{time_total} s %header{date}' -H 'Host: httpbin.${namespace}:8000' \\`,
    '    http://127.0.0.1:15001/ip',
    '}',
    'until ask | grep -q 200; do sleep 0.2; done',
    'while :; do',
    '  set -- $(ask)',
    '  echo $1 >> $mine.codes',
    '  [ $1 = 200 ] || echo "$HOSTNAME $*: $(cat $mine.body)" >> $mine.faults',
    '  sleep 0.1',
    'done',
  ].join('\n');
  const mount = { name: 'load', mountPath: LOAD };
  return deployment({
    ...{
      name: 'sleep',
      container: { name: 'sleep', image: CURL, command: ['/bin/sh', '-c', script], volumeMounts: [mount] },
    },
    volumes: [{ name: 'load', hostPath: { path: folderOf(namespace), type: 'Directory' } }],
    ...rest,
  });
}

function folderOf(namespace: string): string {
  return `/tmp/load-${namespace}`;
}

/** `sidecert migrate` against the cluster, as its user types it. */
class Migration {
  constructor(
    private readonly cluster: Cluster,
    private readonly namespace: string,
  ) {}

  async run(line: string): Promise<{ code: number; output: string }> {
    return this.cluster.enter(['bash', '-c', `${SHIPPED} migrate ${line} -n ${this.namespace}`]);
  }

  /** The step of each agent, and whose certificate it serves, once the pods are as wanted. */
  async standing(): Promise<readonly string[]> {
    const { output } = await this.run('status -o json');
    const members: { name: string; kind: string; step?: string; served?: string }[] = JSON.parse(output).members;
    return members.map(({ name, kind, step, served }) =>
      [name.replace(/^.*\/([a-z]+)-.*$/, '$1'), kind, step, served].filter((part) => part !== undefined).join(' '),
    );
  }
}

/** How many answers the clients got, by their status. */
async function answers(cluster: Cluster, namespace: string): Promise<Record<string, number>> {
  const { output } = await cluster.enter(['bash', '-c', `cat ${folderOf(namespace)}/*.codes | sort | uniq -c`]);
  const rows = output
    .trim()
    .split('\n')
    .map((line) => line.trim().split(' '));
  return Object.fromEntries(rows.map(([count, status]) => [status, Number(count)]));
}

/** What answers other than 200 said. */
async function faults(cluster: Cluster, namespace: string): Promise<readonly string[]> {
  const { output } = await cluster.enter(['bash', '-c', `cat ${folderOf(namespace)}/*.faults 2>/dev/null`]);
  return output.split('\n').filter((line) => line !== '');
}

async function underLoad(cluster: Cluster, namespace: string): Promise<void> {
  const good = async (): Promise<number> => (await answers(cluster, namespace))['200'] ?? 0;
  const before = await good();
  await eventually(async () => (await good()) >= before + 20 || undefined);
}

async function gone(cluster: Cluster, namespace: string, app: string, name: string): Promise<void> {
  const list = ['get', 'pods', '-l', `app=${app}`, '-n', namespace, '-o', 'name'];
  await eventually(async () => !(await cluster.kubectl(list)).includes(name) || undefined);
}

async function podOf(cluster: Cluster, namespace: string, app: string): Promise<string> {
  return (await cluster.kubectl(['get', 'pods', '-l', `app=${app}`, '-n', namespace, '-o', 'name'])).trim();
}

async function open(t: Test): Promise<{ cluster: Cluster; namespace: string }> {
  t.setTimeout(3 * CLUSTER_PATIENCE_MS);
  const { cluster } = await openCluster();
  const namespace = await ownNamespace(t, cluster, 'old-secrets');
  await cluster.enter(['bash', '-c', `rm -rf ${folderOf(namespace)}; mkdir -m 777 ${folderOf(namespace)}`]);
  return { cluster, namespace };
}

t.test(
  'a namespace of Secrets with key and certificate moves to SDS, and no request fails',
  { skip: NO_CLUSTER },
  async (t) => {
    const { cluster, namespace } = await open(t);
    const old = TestCa.root('old root');
    const apply = (objects: readonly object[]): Promise<string> =>
      cluster.kubectl(['apply', '-n', namespace, '-f', '-'], {
        input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
      });
    const account = (name: string): object => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } });
    const service = {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'httpbin' } },
      spec: { selector: { app: 'httpbin' }, ports: [{ name: 'http', port: 8000, targetPort: 'mesh' }] },
    };
    await apply([
      ...['httpbin', 'sleep'].map(account),
      ...['httpbin', 'sleep', 'left-over'].map((name) => istioSecret(namespace, name, old)),
      service,
      httpbin({ oldSidecar: fileConfiguredEnvoy({ kind: 'server', namespace }) }),
      sleep(namespace, { oldSidecar: fileConfiguredEnvoy({ kind: 'client', namespace }) }),
    ]);
    await rolledOut(cluster, namespace, 'deployment/httpbin', 'deployment/sleep');
    await underLoad(cluster, namespace);
    const migration = new Migration(cluster, namespace);
    t.match(await migration.run('plan'), { code: 1, output: /there is no agent that moves from files to a CA/ });

    // The server first: its agent serves the certificate of the Secret, with the roots of both.
    const oldServer = await podOf(cluster, namespace, 'httpbin');
    const flags = `--identity-source ${MOVING}`;
    await applyInjected(cluster, namespace, [httpbin({})], flags);
    await rolledOut(cluster, namespace, 'deployment/httpbin');
    await gone(cluster, namespace, 'httpbin', oldServer);
    await underLoad(cluster, namespace);
    const oldClient = await podOf(cluster, namespace, 'sleep');
    const refused = await migration.run('next');
    t.equal(refused.code, 1);
    t.match(
      refused.output,
      new RegExp(`${namespace}/${oldClient.replace('pod/', '')}: the files that it reads lack roots of the CA`),
    );

    const annotations = {
      'sidecert.dev/upstreams': upstreamOf(namespace, 'httpbin'),
      // Handshakes never cease.
      'sidecert.dev/max-connection-age': '1s',
      'sidecert.dev/inbound': 'off',
      'sidecert.dev/capture': 'none',
    };
    await applyInjected(cluster, namespace, [sleep(namespace, { annotations })], flags);
    await rolledOut(cluster, namespace, 'deployment/sleep');
    await gone(cluster, namespace, 'sleep', oldClient);
    await underLoad(cluster, namespace);
    t.strictSame((await migration.standing()).toSorted(), ['httpbin agent files files', 'sleep agent files files']);

    for (const [action, to, served] of [
      ['next', 'ca', 'ca'],
      ['back', 'files', 'files'],
      ['next', 'ca', 'ca'],
      ['next', 'ca-only', 'ca'],
      ['back', 'ca', 'ca'],
      ['next', 'ca-only', 'ca'],
    ] as const) {
      const { code, output } = await migration.run(action);
      t.equal(code, 0, `${action}: ${output.trim()}`);
      t.strictSame((await migration.standing()).toSorted(), [
        `httpbin agent ${to} ${served}`,
        `sleep agent ${to} ${served}`,
      ]);
      await underLoad(cluster, namespace);
    }
    const mounted = await migration.run('clean-up');
    t.match(mounted.output, new RegExp(`^${namespace}/istio.httpbin: stays, httpbin-.* mounts it$`, 'm'));
    t.match(mounted.output, new RegExp(`^${namespace}/istio.left-over: no pod mounts it$`, 'm'));

    // A pod that is made now starts at the step of the others.
    await cluster.kubectl(['scale', 'deployment/httpbin', '-n', namespace, '--replicas=2']);
    await rolledOut(cluster, namespace, 'deployment/httpbin');
    const three = [...['httpbin', 'httpbin'], 'sleep'].map((name) => `${name} agent ca-only ca`);
    t.strictSame((await migration.standing()).toSorted(), three);

    // And the Secrets go out of the pods.
    const [lastServers, lastClient] = [
      await podOf(cluster, namespace, 'httpbin'),
      await podOf(cluster, namespace, 'sleep'),
    ];
    await applyInjected(cluster, namespace, [httpbin({})]);
    await applyInjected(cluster, namespace, [sleep(namespace, { annotations })]);
    await rolledOut(cluster, namespace, 'deployment/httpbin', 'deployment/sleep');
    for (const pod of lastServers.split('\n')) await gone(cluster, namespace, 'httpbin', pod);
    await gone(cluster, namespace, 'sleep', lastClient);
    await underLoad(cluster, namespace);
    t.match(await migration.run('plan'), {
      output: /next: none: all agents take their identity from a CA alone: it is done/,
    });
    const found = await migration.run('clean-up');
    t.match(found, { code: 1, output: /^nothing was changed; --delete deletes 3 of them$/m });
    t.match(await migration.run('clean-up --delete'), { code: 0, output: /istio\.httpbin: deleted$/m });
    const secrets = await cluster.kubectl(['get', 'secrets', '-n', namespace, '-o', 'name']);
    t.equal(secrets.trim(), '', 'no Secret is left');
    await underLoad(cluster, namespace);

    const { 200: good = 0, ...others } = await answers(cluster, namespace);
    t.strictSame(await faults(cluster, namespace), []);
    t.strictSame(others, {}, `none of ${good} requests failed`);
    t.comment(`${good} requests`);
    t.not(
      new X509Certificate(await rootOf(cluster, namespace)).fingerprint256,
      new X509Certificate(old.certificatePem).fingerprint256,
    );
  },
);
