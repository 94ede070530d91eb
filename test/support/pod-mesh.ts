import type { Test } from 'tap';
import { injectManifests } from '../../src/app/index.js';
import { until } from '../../src/demo/polling.js';
import { injectSettings } from './inject-settings.js';
import { PATIENCE_MS } from './patience.js';
import { PodNetwork, type RunningPod, withoutPods } from './pod-network.js';
import { realEnvoy } from './real-envoy.js';

const envoy = realEnvoy();

/** Why pods cannot be played here; `false` where they can. */
export const NO_PODS: string | false = envoy.skip || withoutPods();

/** Answers with what it was asked, in HTTP/1.1 and HTTP/2 alike. */
export const APP = `
  const answer = (request, response) => {
    if (request.url.startsWith('/ready')) response.writeHead(302, { location: '/login' });
    response.end(JSON.stringify({ url: request.url, version: request.httpVersion, headers: request.headers }));
  };
  const [h1, h2] = [require('http').createServer(answer), require('http2').createServer(answer)];
  require('net').createServer((socket) => {
    socket.once('data', (first) => {
      socket.pause();
      socket.unshift(first);
      (first.toString('latin1').startsWith('PRI') ? h2 : h1).emit('connection', socket);
      process.nextTick(() => socket.resume());
    });
  }).listen(Number(process.argv[1]), '::');
`;

/** Speaks first, and not HTTP. */
export const GREETER = `require('net').createServer((socket) => socket.end('hello\\n')).listen(Number(process.argv[1]), '::')`;

export const HTTPBIN = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: httpbin }
spec:
  template:
    metadata: { labels: { app: httpbin } }
    spec:
      containers:
        - name: httpbin
          image: httpbin
          ports: [{ containerPort: 80, name: http }]
          readinessProbe: { httpGet: { path: /ready?x=1, port: http } }
          livenessProbe: { tcpSocket: { port: 81 }, periodSeconds: 1 }
          startupProbe: { grpc: { port: 80 } }
`;

const SLEEP = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: sleep }
spec:
  template:
    metadata:
      labels: { app: sleep }
      annotations: { sidecert.dev/upstreams: "httpbin.foo:8000=spiffe://cluster.local/ns/foo/sa/httpbin" }
    spec:
      containers: [{ name: sleep, image: sleep }]
`;

/** The identity of the peer, as Envoy tells it to the application. */
export const OF_SLEEP = /URI=spiffe:\/\/cluster.local\/ns\/foo\/sa\/sleep$/;

/** Of httpbin's Service, and of a service outside the mesh. */
const CLUSTER_IP = '10.96.0.10';
export const HOSTS = `${CLUSTER_IP} httpbin.foo httpbin.foo.svc.cluster.local other.foo\n`;

export interface PodMesh {
  readonly network: PodNetwork;
  readonly httpbin: RunningPod;
  readonly sleep: RunningPod;
}

export async function injectedPod(text: string, ...args: readonly string[]): Promise<string> {
  const result = await injectManifests('pod', text, injectSettings(...args));
  if (result.kind !== 'done') throw new Error(JSON.stringify(result));
  return result.text;
}

/** Httpbin and sleep with their sidecars, both ready, and httpbin's Service. */
export async function startPodMesh(t: Test, ...args: readonly string[]): Promise<PodMesh> {
  const network = await PodNetwork.start(t);
  if (args.includes('node')) await network.startNodeAgent();
  const httpbin = await network.pod('foo', 'httpbin', HOSTS);
  const sleep = await network.pod('foo', 'sleep', HOSTS);
  await network.service(CLUSTER_IP, 8000, httpbin, args.includes('none') ? 15006 : 80);
  const flags = [...network.caFlags, ...args];
  httpbin.start(process.execPath, ['-e', APP, '80']);
  await httpbin.startSidecars(await injectedPod(HTTPBIN, ...flags), envoy.path);
  await sleep.startSidecars(await injectedPod(SLEEP, ...flags), envoy.path);
  for (const pod of [httpbin, sleep]) await becomes(network, pod, '/healthz/ready', '200');
  return { network, httpbin, sleep };
}

/** Resolves when the kubelet would get this answer at the port of Envoy that it asks. */
export async function becomes(
  network: PodNetwork,
  { addresses }: RunningPod,
  path: string,
  wanted: string,
): Promise<void> {
  await until(`${path} ${wanted}`, AbortSignal.timeout(PATIENCE_MS), async () => {
    const status = await network.status(`http://${addresses.ipv4}:15021${path}`);
    return status === wanted || undefined;
  });
}

/** What httpbin was asked, when the application of `sleep` calls it. */
export async function asked(sleep: RunningPod, ...curl: readonly string[]): Promise<{ version: string; xfcc: string }> {
  const { version, headers } = JSON.parse(await sleep.exec(['curl', '-s', '--max-time', '5', ...curl]));
  return { version, xfcc: headers['x-forwarded-client-cert'] };
}
