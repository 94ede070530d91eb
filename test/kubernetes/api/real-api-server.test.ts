import t from 'tap';
import {
  ApiClient,
  CONFIG_MAPS,
  type ConfigMap,
  findAccess,
  followResource,
  NAMESPACES,
} from '../../../src/kubernetes/api/index.js';
import { systemClock } from '../../../src/timers/index.js';
import { rejectionCode } from '../../hotpath/pki.js';
import { KubeApiServer, kubernetesPrograms } from '../../support/kube-apiserver.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const programs = kubernetesPrograms();

t.test('with a real API server', { skip: programs.skip }, async (t) => {
  const server = await KubeApiServer.start(t, programs);
  const logger = new RecordingLogger();
  const clientOf = async (kubeconfig: string): Promise<ApiClient> => {
    const client = new ApiClient({
      access: await findAccess(kubeconfig, {}),
      ...{ logger, now: Date.now, clock: systemClock, random: Math.random },
      ...{ userAgent: 'sidecert/test', fieldManager: 'sidecert-test' },
    });
    t.teardown(() => client.close());
    return client;
  };
  const admin = await clientOf(server.kubeconfig);
  const place = { namespace: 'default', name: 'one' };

  await t.test('objects are made, read, changed and deleted', async (t) => {
    const made = await admin.create(CONFIG_MAPS, place, { data: { a: '1' } });
    t.match(made, { metadata: { name: 'one', namespace: 'default' }, data: { a: '1' } });
    t.equal(await rejectionCode(admin.create(CONFIG_MAPS, place, {})), 'ERR_KUBERNETES_CONFLICT');
    t.strictSame((await admin.get(CONFIG_MAPS, place)).data, { a: '1' });
    t.strictSame((await admin.patch('merge', CONFIG_MAPS, place, { data: { b: '2' } })).data, { a: '1', b: '2' });
    t.strictSame((await admin.patch('apply', CONFIG_MAPS, place, { data: { a: '3' } })).data, { a: '3', b: '2' });
    const { resourceVersion } = made.metadata;
    const stale = admin.update(CONFIG_MAPS, place, { metadata: { resourceVersion }, data: {} });
    t.equal(await rejectionCode(stale), 'ERR_KUBERNETES_CONFLICT', 'that state is not the last');
    t.strictSame((await admin.update(CONFIG_MAPS, place, { data: { c: '4' } })).data, { c: '4' });
    await admin.delete(CONFIG_MAPS, place);
    await t.rejects(admin.get(CONFIG_MAPS, place), {
      code: 'ERR_KUBERNETES_NOT_FOUND',
      message: /^get configmaps default\/one: got 404 NotFound "configmaps \\"one\\" not found", expected success$/,
    });
    t.strictSame((await admin.patch('apply', CONFIG_MAPS, place, { data: { a: '5' } })).data, { a: '5' }, 'made by it');
  });

  await t.test('a list of more than a page is whole', async (t) => {
    const many = Array.from({ length: 620 }, (_, index) => `many-${index}`);
    for (let at = 0; at < many.length; at += 40) {
      await Promise.all(
        many.slice(at, at + 40).map((name) => admin.create(CONFIG_MAPS, { namespace: 'default', name }, {})),
      );
    }
    const { items } = await admin.list(CONFIG_MAPS, { namespace: 'default' });
    t.strictSame(new Set(items.map(({ metadata }) => metadata.name)), new Set([...many, 'one']));
    const named = await admin.list(CONFIG_MAPS, { fieldSelector: 'metadata.name=many-7' });
    t.strictSame(
      named.items.map(({ metadata }) => metadata.name),
      ['many-7'],
    );
  });

  await t.test('what may not be done is refused with verb, resource and reason', async (t) => {
    await server.kubectl('create', 'namespace', 'foo');
    const nobody = await clientOf(server.kubeconfigOf(await server.token('foo', 'sleep')));
    await t.rejects(nobody.list(NAMESPACES), {
      code: 'ERR_KUBERNETES_REFUSED',
      message:
        /^list namespaces: got 403 Forbidden ".*system:serviceaccount:foo:sleep.*", expected a role that allows list of namespaces$/,
    });
    const stranger = await clientOf(server.kubeconfigOf('no-token'));
    await t.rejects(stranger.list(NAMESPACES), { code: 'ERR_KUBERNETES_REFUSED', message: /401 Unauthorized/ });
  });

  await t.test('a resource is followed over a restart of the server', async (t) => {
    const seen: string[] = [];
    let wake = (): void => {};
    const until = async (event: string): Promise<void> => {
      while (!seen.includes(event)) await new Promise<void>((resolve) => (wake = resolve));
    };
    const tell = (event: string): void => {
      seen.push(event);
      wake();
    };
    const following = followResource<ConfigMap>({
      ...{ client: admin, resource: CONFIG_MAPS, fieldSelector: 'metadata.name=followed' },
      ...{ logger, clock: systemClock, random: Math.random },
      observer: {
        onChange: ({ metadata, data }) => tell(`${metadata.namespace}: ${JSON.stringify(data)}`),
        onGone: ({ metadata }) => tell(`${metadata.namespace}: gone`),
        onSynced: () => tell('synced'),
      },
    });
    t.teardown(() => following.close());
    await until('synced');
    const followed = { namespace: 'foo', name: 'followed' };
    await admin.create(CONFIG_MAPS, followed, { data: { a: '1' } });
    await until('foo: {"a":"1"}');
    await admin.patch('merge', CONFIG_MAPS, followed, { data: { a: '2' } });
    await until('foo: {"a":"2"}');
    await server.stop();
    await logger.until('kubernetes resource cannot be followed, tried again');
    await server.startApi();
    await admin.patch('merge', CONFIG_MAPS, followed, { data: { a: '3' } });
    await until('foo: {"a":"3"}');
    await admin.delete(CONFIG_MAPS, followed);
    await until('foo: gone');
    t.strictSame(seen, ['synced', 'foo: {"a":"1"}', 'foo: {"a":"2"}', 'foo: {"a":"3"}', 'foo: gone']);
  });
});
