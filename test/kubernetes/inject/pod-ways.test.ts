import t from 'tap';
import { until } from '../../../src/demo/polling.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { asked, HTTPBIN, injectedPod, NO_PODS, OF_SLEEP, startPodMesh } from '../../support/pod-mesh.js';

for (const args of [['--token-source', 'stream'], ['--capture', 'iptables'], ['--classic'], ['--agent', 'node']]) {
  t.test(`with ${args.join(' ')} calls go over mutual TLS, too`, { skip: NO_PODS }, async (t) => {
    const { network, httpbin, sleep } = await startPodMesh(t, ...args);
    t.match(await asked(sleep, 'http://httpbin.foo:8000/ip'), { xfcc: OF_SLEEP });
    t.equal(await network.status(`http://${httpbin.addresses.ipv4}:80/`), '000');
    t.equal(await network.status(`http://[${httpbin.addresses.ipv6}]:80/`), '000');
  });
}

t.test('without capture the application calls by its Envoy, as by a proxy', { skip: NO_PODS }, async (t) => {
  const { network, httpbin, sleep } = await startPodMesh(t, '--capture', 'none');
  t.match(await asked(sleep, '-H', 'Host: httpbin.foo:8000', 'http://127.0.0.1:15001/'), { xfcc: OF_SLEEP });
  t.match(await asked(sleep, '-x', 'http://127.0.0.1:15001', 'http://httpbin.foo:8000/'), { xfcc: OF_SLEEP });
  t.equal(await sleep.status('http://other.foo:8000/', '-x', 'http://127.0.0.1:15001'), '404');
  t.equal(await network.status(`http://${httpbin.addresses.ipv4}:15006/`), '000');
  t.equal(await network.status(`http://${httpbin.addresses.ipv4}:80/`), '200', 'nothing keeps it from the port itself');
});

for (const args of [[], ['--agent', 'node']]) {
  t.test(`a pod to be ended tells its callers to turn to others ${args.join(' ')}`, { skip: NO_PODS }, async (t) => {
    const { network, httpbin, sleep } = await startPodMesh(t, ...args);
    const closed = async (): Promise<number> => {
      const page = 'http://127.0.0.1:15000/stats?filter=httpbin.foo_8000.upstream_cx_close_notify';
      return Number(/: (\d+)/.exec(await sleep.exec(['curl', '-s', page]))?.[1]);
    };
    t.equal(await sleep.status('http://httpbin.foo:8000/'), '200');
    t.equal(await closed(), 0);
    await httpbin.stopHooks(await injectedPod(HTTPBIN, ...network.caFlags, ...args));
    const answers = new Set<string>();
    await until('a connection is closed', AbortSignal.timeout(PATIENCE_MS), async () => {
      answers.add(await sleep.status('http://httpbin.foo:8000/'));
      return (await closed()) > 0 || undefined;
    });
    t.strictSame([...answers], ['200'], 'and answers them all the time');
  });
}
