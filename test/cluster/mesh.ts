import type { Cluster } from '../support/cluster.js';
import { SHIPPED } from '../support/cluster.js';

/** The pods of all tests together must find room on a node of two cores. */
const SMALL = '--agent-requests cpu=1m,memory=32Mi --envoy-requests cpu=1m,memory=32Mi';

/** Where the one Citadel of the cluster is, which all tests share. */
export const CITADEL_NAMESPACE = 'istio-system';

const HTTPBIN = 'docker.io/mccutchen/go-httpbin:v2.15.0';
const CURL = 'docker.io/curlimages/curl:8.16.0';

/** Applies a manifest as a user would: through `kube-inject`. */
export async function applyInjected(
  cluster: Cluster,
  namespace: string,
  manifest: object[],
  flags = '',
): Promise<void> {
  const input = manifest.map((one) => JSON.stringify(one)).join('\n---\n');
  const line = `set -o pipefail; ${SHIPPED} kube-inject -f - ${SMALL} ${flags} | kubectl apply -n ${namespace} -f -`;
  const { code, output } = await cluster.enter(['bash', '-c', line], { input });
  if (code !== 0) throw new Error(`${line}: ${output}`);
}

/** A server behind a Service, and its account. */
export function meshServer(name: string, annotations: Record<string, string> = {}, replicas = 1): object[] {
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } },
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name } },
      spec: { selector: { app: name }, ports: [{ name: 'http', port: 8000, targetPort: 80 }] },
    },
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name } },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name }, annotations },
          spec: {
            serviceAccountName: name,
            containers: [
              {
                ...{ name, image: HTTPBIN, ports: [{ containerPort: 80 }], env: [{ name: 'PORT', value: '80' }] },
                readinessProbe: { httpGet: { path: '/get', port: 80 }, periodSeconds: 1 },
              },
            ],
          },
        },
      },
    },
  ];
}

/** A line of a shell that gets `url`, however long that takes to be there. */
export function callOnce(url: string): string {
  return `curl -s --retry 60 --retry-all-errors --retry-delay 1 ${url}`;
}

/** A script that calls `url` until it is ended, and says only what was not answered with 200. */
export function callsWithoutEnd(url: string): string {
  const call = `curl -s -o /dev/null -w '%{http_code}\\n' ${url}`;
  return `while :; do ${call} | grep -v '^200$'; sleep 0.05; done`;
}

/** The template of a workload whose application runs `script`. */
export function template(name: string, script: string, upstreams: string, restartPolicy?: string): object {
  return {
    metadata: { labels: { app: name }, annotations: { 'sidecert.dev/upstreams': upstreams } },
    spec: {
      ...(restartPolicy !== undefined && { restartPolicy }),
      terminationGracePeriodSeconds: 1,
      containers: [{ name, image: CURL, command: ['/bin/sh', '-c', script] }],
    },
  };
}

export async function rolledOut(cluster: Cluster, namespace: string, ...names: string[]): Promise<void> {
  for (const name of names) await cluster.kubectl(['rollout', 'status', name, '-n', namespace, '--timeout=180s']);
}

/** One that lets `NAME.NAMESPACE:8000` be called over mutual TLS. */
export function upstreamOf(namespace: string, name: string): string {
  return `${name}.${namespace}:8000=spiffe://cluster.local/ns/${namespace}/sa/${name}`;
}

/** A pod with the application `name` that runs `script`, and may call these. */
export function callingPod(name: string, script: string, upstreams: string): object {
  const { metadata, spec } = template(name, script, upstreams) as { metadata: object; spec: object };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...metadata }, spec };
}

/** One that calls each of these servers once, and says `NAME: CODE`. */
export function callerOf(name: string, namespace: string, servers: readonly string[]): object {
  // Without -o /dev/null, which curl 7.88 wants to truncate before it tries again, and ends when it cannot.
  const calls = servers.map((to) => `${callOnce(`http://${to}.${namespace}:8000/ip`)} -w '${to}: %{http_code}\\n'`);
  const upstreams = servers.map((to) => upstreamOf(namespace, to)).join('\n');
  return callingPod(name, `${calls.join('; ')}; sleep infinity`, upstreams);
}

/** Whether a container of the pods of `app`, by default that of the application, says `text` in its log before long. */
export async function says(
  cluster: Cluster,
  namespace: string,
  app: string,
  text: string,
  container = app,
): Promise<boolean> {
  const logs = `kubectl logs -l app=${app} -c ${container} -n ${namespace} --tail=-1`;
  const script = `until ${logs} | grep -qF '${text}'; do sleep 0.5; done`;
  return (await cluster.enter(['timeout', '120', 'bash', '-c', script])).code === 0;
}

/** The root certificates that Citadel has published in a namespace. */
export async function rootOf(cluster: Cluster, namespace: string): Promise<string> {
  const map = ['get', 'configmap', 'istio-ca-root-cert', '-n', namespace, '-o', 'json'];
  return JSON.parse(await cluster.kubectl(map)).data['root-cert.pem'];
}

/** What `look` resolves with, once it is something. */
export async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const seen = await look().catch(() => undefined);
    if (seen !== undefined) return seen;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
