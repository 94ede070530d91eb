import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { ApiClient, findAccess } from '../../../src/kubernetes/api/index.js';
import { publishRootConfigMaps, type RootConfigMaps } from '../../../src/kubernetes/trust/index.js';
import { Metric, MetricRegistry } from '../../../src/telemetry/index.js';
import { systemClock } from '../../../src/timers/index.js';
import { citadelAccount } from '../../support/citadel-account.js';
import { FakeApiServer, json, listOf } from '../../support/fake-api-server.js';
import { KubeApiServer, kubernetesPrograms } from '../../support/kube-apiserver.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const programs = kubernetesPrograms();
const ROOT = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
t.test('roots in the namespaces of a real API server', { skip: programs.skip }, async (t) => {
  const server = await KubeApiServer.start(t, programs);
  await server.kubectl('create', 'namespace', 'before');
  await server.kubectl('create', 'namespace', 'ending');
  // Without controllers it stays so.
  await server.kubectl('delete', 'namespace', 'ending', '--wait=false');
  const account = await citadelAccount(server);

  interface Publisher {
    readonly roots: RootConfigMaps;
    readonly logger: RecordingLogger;
    readonly metrics: MetricRegistry;
  }
  const publish = async (t: Test, rootsPem = ROOT): Promise<Publisher> => {
    const logger = new RecordingLogger();
    const metrics = new MetricRegistry();
    const common = { logger, clock: systemClock, random: Math.random };
    const access = await findAccess(account, {});
    const client = new ApiClient({
      access,
      now: Date.now,
      ...common,
      userAgent: 'test',
      fieldManager: 'sidecert-citadel',
    });
    const roots = publishRootConfigMaps({ client, rootsPem, metrics, ...common });
    t.teardown(async () => {
      await roots.close();
      client.close();
    });
    return { roots, logger, metrics };
  };
  const read = async (namespace: string): Promise<Record<string, unknown> | undefined> => {
    const { items } = JSON.parse(
      await server.kubectl(
        'get',
        'configmap',
        '-n',
        namespace,
        '-o',
        'json',
        '--field-selector=metadata.name=istio-ca-root-cert',
      ),
    );
    return items[0];
  };
  const until = async (
    namespace: string,
    isAsWanted: (map: Record<string, unknown> | undefined) => boolean,
  ): Promise<void> => {
    for (const endMs = Date.now() + PATIENCE_MS; Date.now() < endMs; await sleep(50)) {
      if (isAsWanted(await read(namespace))) return;
    }
    throw new Error(`${namespace}: ${JSON.stringify(await read(namespace))}`);
  };
  const hasRoot = (map: Record<string, unknown> | undefined, pem = ROOT): boolean =>
    (map?.data as Record<string, string> | undefined)?.['root-cert.pem'] === pem;

  const first = await publish(t);
  await first.logger.until('roots are in every namespace');
  await t.test('every namespace has them, but those that need none', async (t) => {
    for (const namespace of ['before', 'default', 'istio-system', 'kube-system']) {
      t.match(await read(namespace), {
        metadata: { labels: { 'istio.io/config': 'true' } },
        data: { 'root-cert.pem': ROOT },
      });
    }
    for (const namespace of ['ending', 'kube-public', 'kube-node-lease']) t.notOk(await read(namespace), namespace);
    t.equal(first.roots.namespaces, 4);
    t.equal(first.roots.pending, 0);
    t.strictSame(first.logger.of('roots cannot be published, tried again'), []);
  });

  await t.test('a further replica writes nothing', async (t) => {
    const second = await publish(t);
    await second.logger.until('roots are in every namespace');
    t.equal(second.metrics.counter(Metric.rootCopiesWritten).value, 0);
  });

  await t.test('a new namespace gets them', async () => {
    await server.kubectl('create', 'namespace', 'after');
    await until('after', hasRoot);
  });

  await t.test('a copy that was deleted or changed is put right, and what others keep in it stays', async (t) => {
    await server.kubectl('delete', 'configmap', '-n', 'after', 'istio-ca-root-cert');
    await until('after', hasRoot);
    const patch = JSON.stringify({ data: { 'root-cert.pem': 'forged', theirs: 'kept' } });
    await server.kubectl('patch', 'configmap', '-n', 'before', 'istio-ca-root-cert', '--type=merge', '-p', patch);
    await until('before', hasRoot);
    t.match((await read('before'))?.data, { theirs: 'kept' });
    await first.logger.until('published roots were changed or deleted by others, put right', 2);
  });

  await t.test('one that another manager has applied is taken over', async () => {
    await server.kubectl('create', 'namespace', 'theirs');
    const manifest = JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'ConfigMap', data: { 'root-cert.pem': 'of istiod' } },
      metadata: { name: 'istio-ca-root-cert', namespace: 'theirs' },
    });
    // By the server, and whether it is there already or not: ours may have been first.
    await server.apply(manifest, '--server-side', '--force-conflicts', '--field-manager=istiod');
    await until('theirs', hasRoot);
  });

  await t.test('other roots go to every namespace', async () => {
    first.roots.publish(ROOT + ROOT);
    for (const namespace of ['before', 'after', 'kube-system'])
      await until(namespace, (map) => hasRoot(map, ROOT + ROOT));
  });

  await t.test('what happened while the server was away is made up for', async () => {
    await server.stop();
    await first.logger.until('kubernetes resource cannot be followed, tried again');
    await server.startApi();
    await server.kubectl('delete', 'configmap', '-n', 'after', 'istio-ca-root-cert');
    await server.kubectl('create', 'namespace', 'later');
    await until('later', (map) => hasRoot(map, ROOT + ROOT));
    await until('after', (map) => hasRoot(map, ROOT + ROOT));
  });
});

t.test('a replica that is second writes nothing, and tells that all is there', async (t) => {
  const map = { metadata: { name: 'istio-ca-root-cert', namespace: 'foo', labels: { 'istio.io/config': 'true' } } };
  const copy = { type: 'ADDED', object: { ...map, data: { 'root-cert.pem': ROOT } } };
  const server = await FakeApiServer.start(t, ({ url }, response) => {
    const isOfCopies = url.pathname.endsWith('/configmaps');
    if (url.searchParams.has('watch')) {
      response.writeHead(200).flushHeaders();
      if (isOfCopies) response.write(`${JSON.stringify(copy)}\n`);
    } else json(response, listOf(isOfCopies ? [] : [{ metadata: { name: 'foo', resourceVersion: '1' } }], '5'));
  });
  const { logger } = server;
  // The longest pause before a write, which the watch has all the time to be ahead of.
  const clock = { now: Date.now, after: (delayMs: number, fire: () => void) => systemClock.after(delayMs * 100, fire) };
  const roots = publishRootConfigMaps({ client: server.client(), rootsPem: ROOT, logger, clock, random: () => 1 });
  t.teardown(() => roots.close());
  t.match(await logger.until('roots are in every namespace'), { fields: { count: 1 } });
  t.equal(roots.pending, 0);
  t.notOk(server.requests.some(({ method }) => method === 'PATCH'));
});
