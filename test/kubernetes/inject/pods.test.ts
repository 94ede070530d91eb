import t, { type Test } from 'tap';
import { injectManifests } from '../../../src/app/index.js';
import { until } from '../../../src/demo/polling.js';
import { injectSettings } from '../../support/inject-settings.js';
import { PodNetwork, type RunningPod, withoutPods } from '../../support/pod-network.js';
import { realEnvoy } from '../../support/real-envoy.js';

const envoy = realEnvoy();
const skip = envoy.skip || withoutPods();

/** Answers with what it was asked, in HTTP/1.1 and HTTP/2 alike. */
const APP = `
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
const GREETER = `require('net').createServer((socket) => socket.end('hello\\n')).listen(Number(process.argv[1]), '::')`;

const HTTPBIN = `
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
const OF_SLEEP = /URI=spiffe:\/\/cluster.local\/ns\/foo\/sa\/sleep$/;

/** Of httpbin's Service, and of a service outside the mesh. */
const CLUSTER_IP = '10.96.0.10';
const HOSTS = `${CLUSTER_IP} httpbin.foo httpbin.foo.svc.cluster.local other.foo\n`;

interface Mesh {
  readonly network: PodNetwork;
  readonly httpbin: RunningPod;
  readonly sleep: RunningPod;
}

async function injected(text: string, ...args: readonly string[]): Promise<string> {
  const result = await injectManifests('pod', text, injectSettings(...args));
  if (result.kind !== 'done') throw new Error(JSON.stringify(result));
  return result.text;
}

/** Httpbin and sleep with their sidecars, both ready, and httpbin's Service. */
async function startMesh(t: Test, ...args: readonly string[]): Promise<Mesh> {
  const network = await PodNetwork.start(t);
  if (args.includes('node')) await network.startNodeAgent();
  const httpbin = await network.pod('foo', 'httpbin', HOSTS);
  const sleep = await network.pod('foo', 'sleep', HOSTS);
  await network.service(CLUSTER_IP, 8000, httpbin, args.includes('none') ? 15006 : 80);
  const flags = [...network.caFlags, ...args];
  httpbin.start(process.execPath, ['-e', APP, '80']);
  await httpbin.startSidecars(await injected(HTTPBIN, ...flags), envoy.path);
  await sleep.startSidecars(await injected(SLEEP, ...flags), envoy.path);
  for (const pod of [httpbin, sleep]) await becomes(network, pod, '/healthz/ready', '200');
  return { network, httpbin, sleep };
}

/** Resolves when the kubelet would get this answer at the port of Envoy that it asks. */
async function becomes(network: PodNetwork, { addresses }: RunningPod, path: string, wanted: string): Promise<void> {
  await until(`${path} ${wanted}`, AbortSignal.timeout(25_000), async () => {
    const status = await network.status(`http://${addresses.ipv4}:15021${path}`);
    return status === wanted || undefined;
  });
}

/** What httpbin was asked, when the application of `sleep` calls it. */
async function asked(sleep: RunningPod, ...curl: readonly string[]): Promise<{ version: string; xfcc: string }> {
  const { version, headers } = JSON.parse(await sleep.exec(['curl', '-s', '--max-time', '5', ...curl]));
  return { version, xfcc: headers['x-forwarded-client-cert'] };
}

t.test('calls go over mutual TLS, and none comes in without it', { skip }, async (t) => {
  const { network, httpbin, sleep } = await startMesh(t);
  const { ipv4, ipv6 } = httpbin.addresses;
  t.match(await asked(sleep, 'http://httpbin.foo:8000/ip'), { version: '1.1', xfcc: OF_SLEEP });
  t.match(await asked(sleep, 'http://httpbin.foo.svc.cluster.local:8000/ip'), { xfcc: OF_SLEEP }, 'by its long name');
  t.match(
    await asked(sleep, '--http2-prior-knowledge', 'http://httpbin.foo:8000/ip'),
    { version: '2.0', xfcc: OF_SLEEP },
    'HTTP/2 stays HTTP/2',
  );
  const forged = await asked(sleep, '-H', 'x-forwarded-client-cert: URI=spiffe://forged', 'http://httpbin.foo:8000/');
  t.match(forged.xfcc, OF_SLEEP, 'a header of the caller is replaced');
  t.notMatch(forged.xfcc, 'forged');
  t.equal(await sleep.status('http://other.foo:8000/ip'), '503', 'a name that is no upstream leaves in plain text');
  for (const address of [ipv4, `[${ipv6}]`]) {
    t.equal(await network.status(`http://${address}:80/ip`), '000', `plain text to ${address}`);
    t.equal(await network.status(`http://${address}:15006/ip`), '000', `plain text to Envoy's port of ${address}`);
    t.equal(await network.status(`https://${address}:80/ip`, '-k'), '000', `no certificate to ${address}`);
  }
});

t.test('the kubelet gets answers from the application, and from nothing else of it', { skip }, async (t) => {
  const { network, httpbin } = await startMesh(t);
  const { ipv4 } = httpbin.addresses;
  const probe = await network.run(['curl', '-s', `http://${ipv4}:15021/app-health/httpbin/readyz?x=1`]);
  t.match(JSON.parse(probe), { url: '/ready?x=1' });
  const head = await network.run([
    'curl',
    '-s',
    '-D',
    '-',
    '-o',
    '/dev/null',
    `http://${ipv4}:15021/app-health/httpbin/readyz`,
  ]);
  t.match(head, /^HTTP\/1.1 302 /);
  t.notMatch(head, /^location:/im, 'the kubelet has nowhere to go to');
  t.equal(await network.status(`http://${ipv4}:15021/ready?x=1`), '404', 'only by the path of the probe');
  await becomes(network, httpbin, '/app-health/httpbin/livez', '503');
  httpbin.start(process.execPath, ['-e', GREETER, '81']);
  await becomes(network, httpbin, '/app-health/httpbin/livez', '200');
  const grpc = ['--http2-prior-knowledge', `http://${ipv4}:15030/grpc.health.v1.Health/Check`];
  t.match(JSON.parse(await network.run(['curl', '-s', ...grpc])), { version: '2.0', url: /Health\/Check$/ });
  t.equal(await network.status(`http://${ipv4}:15030/ip`, '--http2-prior-knowledge'), '404');
});

t.test('without a certificate Envoy is not ready, and no connection comes through', { skip }, async (t) => {
  const network = await PodNetwork.start(t);
  const httpbin = await network.pod('foo', 'httpbin', HOSTS);
  httpbin.start(process.execPath, ['-e', APP, '80']);
  await httpbin.startSidecars(await injected(HTTPBIN, '--ca-address', '10.77.0.1:1'), envoy.path);
  const { ipv4 } = httpbin.addresses;
  await until('the agent lives', AbortSignal.timeout(25_000), async () => {
    const status = await network.status(`http://${ipv4}:15020/healthz/live`);
    return status === '200' || undefined;
  });
  await until('Envoy runs', AbortSignal.timeout(25_000), async () => {
    const answer = await httpbin.exec(['curl', '-s', 'http://127.0.0.1:15000/ready']);
    return answer.includes('PRE_INITIALIZING') || answer.includes('INITIALIZING') || undefined;
  });
  for (const port of [15021, 80]) t.equal(await network.status(`http://${ipv4}:${port}/healthz/ready`), '000');
});

t.test('a permissive pod takes both, and tells them apart', { skip }, async (t) => {
  const { network, httpbin, sleep } = await startMesh(t, '--inbound', 'permissive', '--tcp-inbound-ports', '81');
  const { ipv4 } = httpbin.addresses;
  t.match(await asked(sleep, 'http://httpbin.foo:8000/ip'), { xfcc: OF_SLEEP });
  const plain = await network.run([
    'curl',
    '-s',
    '-H',
    'x-forwarded-client-cert: URI=spiffe://forged',
    `http://${ipv4}/`,
  ]);
  t.equal(JSON.parse(plain).headers['x-forwarded-client-cert'], undefined);
  t.equal(await network.status(`https://${ipv4}:80/`, '-k'), '000', 'TLS without a certificate');
  t.equal(await network.status(`http://${ipv4}:15006/`), '000', "Envoy's own port leads nowhere");
  httpbin.start(process.execPath, ['-e', GREETER, '81']);
  await becomes(network, httpbin, '/app-health/httpbin/livez', '200');
  t.match(await network.run(['curl', '-s', '--http0.9', `http://${ipv4}:81/`]), 'hello');
});

for (const args of [['--token-source', 'stream'], ['--capture', 'iptables'], ['--classic'], ['--agent', 'node']]) {
  t.test(`with ${args.join(' ')} calls go over mutual TLS, too`, { skip }, async (t) => {
    const { network, httpbin, sleep } = await startMesh(t, ...args);
    t.match(await asked(sleep, 'http://httpbin.foo:8000/ip'), { xfcc: OF_SLEEP });
    t.equal(await network.status(`http://${httpbin.addresses.ipv4}:80/`), '000');
    t.equal(await network.status(`http://[${httpbin.addresses.ipv6}]:80/`), '000');
  });
}

t.test('without capture the application calls by its Envoy, as by a proxy', { skip }, async (t) => {
  const { network, httpbin, sleep } = await startMesh(t, '--capture', 'none');
  t.match(await asked(sleep, '-H', 'Host: httpbin.foo:8000', 'http://127.0.0.1:15001/'), { xfcc: OF_SLEEP });
  t.match(await asked(sleep, '-x', 'http://127.0.0.1:15001', 'http://httpbin.foo:8000/'), { xfcc: OF_SLEEP });
  t.equal(await sleep.status('http://other.foo:8000/', '-x', 'http://127.0.0.1:15001'), '404');
  t.equal(await network.status(`http://${httpbin.addresses.ipv4}:15006/`), '000');
  t.equal(await network.status(`http://${httpbin.addresses.ipv4}:80/`), '200', 'nothing keeps it from the port itself');
});

for (const args of [[], ['--agent', 'node']]) {
  t.test(`a pod to be ended tells its callers to turn to others ${args.join(' ')}`, { skip }, async (t) => {
    const { network, httpbin, sleep } = await startMesh(t, ...args);
    const closed = async (): Promise<number> => {
      const page = 'http://127.0.0.1:15000/stats?filter=httpbin.foo_8000.upstream_cx_close_notify';
      return Number(/: (\d+)/.exec(await sleep.exec(['curl', '-s', page]))?.[1]);
    };
    t.equal(await sleep.status('http://httpbin.foo:8000/'), '200');
    t.equal(await closed(), 0);
    await httpbin.stopHooks(await injected(HTTPBIN, ...network.caFlags, ...args));
    const answers = new Set<string>();
    await until('a connection is closed', AbortSignal.timeout(25_000), async () => {
      answers.add(await sleep.status('http://httpbin.foo:8000/'));
      return (await closed()) > 0 || undefined;
    });
    t.strictSame([...answers], ['200'], 'and answers them all the time');
  });
}
