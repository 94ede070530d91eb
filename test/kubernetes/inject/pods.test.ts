import t from 'tap';
import { until } from '../../../src/demo/polling.js';
import { PATIENCE_MS } from '../../support/patience.js';
import {
  APP,
  asked,
  becomes,
  GREETER,
  HOSTS,
  HTTPBIN,
  injectedPod,
  NO_PODS,
  OF_SLEEP,
  startPodMesh,
} from '../../support/pod-mesh.js';
import { PodNetwork } from '../../support/pod-network.js';
import { realEnvoy } from '../../support/real-envoy.js';

t.test('calls go over mutual TLS, and none comes in without it', { skip: NO_PODS }, async (t) => {
  const { network, httpbin, sleep } = await startPodMesh(t);
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

t.test('the kubelet gets answers from the application, and from nothing else of it', { skip: NO_PODS }, async (t) => {
  const { network, httpbin } = await startPodMesh(t);
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

t.test('without a certificate Envoy is not ready, and no connection comes through', { skip: NO_PODS }, async (t) => {
  const network = await PodNetwork.start(t);
  const httpbin = await network.pod('foo', 'httpbin', HOSTS);
  httpbin.start(process.execPath, ['-e', APP, '80']);
  await httpbin.startSidecars(await injectedPod(HTTPBIN, '--ca-address', '10.77.0.1:1'), realEnvoy().path);
  const { ipv4 } = httpbin.addresses;
  await until('the agent lives', AbortSignal.timeout(PATIENCE_MS), async () => {
    const status = await network.status(`http://${ipv4}:15020/healthz/live`);
    return status === '200' || undefined;
  });
  await until('Envoy runs', AbortSignal.timeout(PATIENCE_MS), async () => {
    const answer = await httpbin.exec(['curl', '-s', 'http://127.0.0.1:15000/ready']);
    return answer.includes('PRE_INITIALIZING') || answer.includes('INITIALIZING') || undefined;
  });
  for (const port of [15021, 80]) t.equal(await network.status(`http://${ipv4}:${port}/healthz/ready`), '000');
});

t.test('a permissive pod takes both, and tells them apart', { skip: NO_PODS }, async (t) => {
  const { network, httpbin, sleep } = await startPodMesh(t, '--inbound', 'permissive', '--tcp-inbound-ports', '81');
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
