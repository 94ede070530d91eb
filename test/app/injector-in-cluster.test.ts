import t, { type Test } from 'tap';
import { injectManifests } from '../../src/app/index.js';
import type { JsonObject } from '../../src/kubernetes/api/index.js';
import { authorityDirectory, pemOf } from '../support/authority-files.js';
import { helmProgram } from '../support/helm.js';
import { injectSettings } from '../support/inject-settings.js';
import { InjectorScene, isInjected, type PodParts, until } from '../support/injector-scene.js';
import { kubernetesPrograms } from '../support/kube-apiserver.js';
import { TestCa } from '../support/test-ca.js';

const programs = kubernetesPrograms();
const skip = programs.skip || helmProgram().skip;

const INJECT = 'sidecar.istio.io/inject';

/** Namespaces by what they say of injection; and, of each, pods by what they say, and whether they are injected. */
const CHOICES: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
  enabled: { nothing: true, true: true, false: false, other: true },
  disabled: { nothing: false, true: false, false: false, other: false },
  nothing: { nothing: false, true: true, false: false, other: false },
};

/** The same where a cluster injects unless it is told not to. */
const BY_DEFAULT = { ...CHOICES, nothing: { nothing: true, true: true, false: false, other: false } };

/** As the API server stores it: what has defaults has them before a webhook sees it. */
const PROBE = {
  httpGet: { path: '/', port: 8080, scheme: 'HTTP' },
  ...{ timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 },
};

async function judge(t: Test, scene: InjectorScene, choices: typeof CHOICES): Promise<void> {
  for (const [namespace, pods] of Object.entries(choices)) {
    for (const [label, expected] of Object.entries(pods)) {
      const labels = label === 'nothing' ? {} : { [INJECT]: label };
      const pod = await scene.makePod(`says-${namespace}`, { labels });
      t.equal(isInjected(pod), expected, `namespace says ${namespace}, pod says ${label}`);
    }
  }
}

/** Makes pods one after the other until `isOver`; resolves with how many there were. All must be injected. */
async function makePodsUntil(scene: InjectorScene, isOver: () => boolean | Promise<boolean>): Promise<number> {
  for (let count = 1; ; count += 1) {
    if (!isInjected(await scene.makePod('says-enabled'))) throw new Error(`pod ${count} was not injected`);
    if (await isOver()) return count;
  }
}

t.test('an injector in a cluster', { skip }, async (t) => {
  const scene = await InjectorScene.start(t, programs);
  for (const [name, labels] of [
    ['says-enabled', { 'istio-injection': 'enabled' }],
    ['says-disabled', { 'istio-injection': 'disabled' }],
    ['says-nothing', {}],
  ] as const) {
    await scene.namespace(name, labels);
  }
  const injector = await scene.startInjector(t);
  await scene.serves(injector);

  await t.test('its status tells of the roots in the webhook configuration', async (t) => {
    const ca_bundle = { state: 'written', hosts: ['sidecert-injector.istio-system.svc'] };
    t.match(await injector.pages.status(), { ca_bundle, identity: { svid: 'valid' } });
  });

  await t.test('namespaces and pods are chosen as Istio chooses them', (t) => judge(t, scene, CHOICES));

  await t.test('what the cluster and the injector need is never injected', async (t) => {
    for (const namespace of ['kube-system', 'istio-system']) {
      await scene.namespace(namespace, { 'istio-injection': 'enabled' });
      t.notOk(isInjected(await scene.makePod(namespace, { labels: { [INJECT]: 'true' } })), namespace);
    }
    const onHost = await scene.makePod('says-enabled', { spec: { hostNetwork: true } });
    t.notOk(isInjected(onHost), 'the network of the node');
    const before = await scene.makePod('says-enabled', { annotations: { [INJECT]: 'false' } });
    t.notOk(isInjected(before), 'an annotation of older manifests');
  });

  await t.test('a pod is what kube-inject makes of it', async (t) => {
    const parts: PodParts = {
      annotations: { 'sidecert.dev/inbound': 'permissive' },
      spec: {
        initContainers: [{ name: 'migrate', image: 'app' }],
        containers: [{ name: 'app', image: 'app', readinessProbe: PROBE }],
      },
    };
    const { annotations, spec } = parts;
    const manifest = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod', annotations }, spec };
    const result = await injectManifests(
      'pod',
      JSON.stringify(manifest),
      injectSettings('--ca-address', scene.caAddress),
    );
    if (result.kind !== 'done') throw new Error(JSON.stringify(result));
    const byHand = JSON.parse(result.text);
    const one = await scene.makePod('says-nothing', { annotations: byHand.metadata.annotations, spec: byHand.spec });
    const other = await scene.makePod('says-enabled', parts);
    t.strictSame(withoutDefaults(other), withoutDefaults(one));
    t.ok(isInjected(one));
  });

  await t.test('a dry run is answered as the run itself', async (t) => {
    const pod = {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { generateName: 'dry-', namespace: 'says-enabled' } },
      spec: { serviceAccountName: 'default', containers: [{ name: 'app', image: 'app' }] },
    };
    const path = scene.file(t, JSON.stringify(pod));
    const text = await scene.server.kubectl('create', '-f', path, '--dry-run=server', '-o', 'json');
    t.ok(isInjected(JSON.parse(text)));
    t.ok(injector.logger.of('pod injected').some(({ fields }) => fields.resource_name === 'says-enabled/dry-*'));
  });

  await t.test('a pod that cannot be injected is refused, with object, field and expectation', async (t) => {
    const annotations = { 'sidecert.dev/inbound': 'open' };
    await t.rejects(scene.makePod('says-enabled', { annotations }), {
      message:
        /admission webhook \\"namespace\.injector\.sidecert\.dev\\" denied the request: pod says-enabled\/pod-\d+: metadata\.annotations\[.*sidecert\.dev\/inbound.*\]: got .*open.*, expected one of strict, permissive, off/,
    });
    await scene.makePod('says-nothing', { annotations });
  });

  await t.test('what others do to the roots in the configuration is put right', async (t) => {
    const patch = (index: number, change: object) =>
      scene.server.kubectl(
        ...['patch', 'mutatingwebhookconfiguration', 'sidecert-injector', '--type=json', '-p'],
        JSON.stringify([{ path: `/webhooks/${index}/clientConfig/caBundle`, ...change }]),
      );
    const areRight = async (): Promise<boolean> => {
      const bundles = await scene.caBundles();
      return bundles.length === 2 && bundles.every((bundle) => bundle === scene.roots.toString());
    };
    t.ok(await areRight());
    await patch(1, { op: 'remove' });
    await until(areRight);
    await patch(0, { op: 'replace', value: Buffer.from('garbage').toString('base64') });
    await until(areRight);
    await scene.server.kubectl('delete', 'mutatingwebhookconfiguration', 'sidecert-injector');
    await injector.logger.until('webhook configuration is not there, no pod is injected');
    t.notOk(isInjected(await scene.makePod('says-enabled')));
    await scene.configure(t);
    await until(areRight);
    const writes = injector.logger.of('ca bundle written').length;
    await scene.configure(t, { 'injector.reinvocationPolicy': 'IfNeeded' });
    t.ok(await areRight(), 'who applies the manifest again leaves them alone');
    t.equal(injector.logger.of('ca bundle written').length, writes);
    t.ok(isInjected(await scene.makePod('says-enabled')));
  });

  await t.test('by a value of the chart, namespaces that say nothing are injected', async (t) => {
    await scene.configure(t, { 'injector.enableNamespacesByDefault': 'true' });
    // Until the roots stand in it, too, the new entry refuses pods.
    await until(() => scene.makePod('says-nothing').then(isInjected, () => false));
    await judge(t, scene, BY_DEFAULT);
    await scene.configure(t);
  });

  await t.test('a second replica takes over from the first while pods are made', async (t) => {
    const second = await scene.startInjector(t);
    await scene.serves(second);
    t.strictSame(second.logger.of('ca bundle written'), [], 'the roots stand there already');
    const before = injector.logger.of('pod injected').length;
    const made = makePodsUntil(scene, () => second.logger.of('pod injected').length >= 50);
    await injector.logger.until('pod injected', before + 20);
    await injector.end();
    t.ok((await made) >= 70);

    await t.test('without any, pods are refused or not injected, as the configuration says', async (t) => {
      await second.end();
      await t.rejects(scene.makePod('says-enabled'), { message: /failed calling webhook/ });
      await scene.makePod('says-enabled', { labels: { [INJECT]: 'false' } });
      await scene.makePod('says-nothing');
      await scene.configure(t, { 'injector.failurePolicy': 'Ignore' });
      await until(async () => {
        const pod = await scene.makePod('says-enabled').catch(() => undefined);
        return pod !== undefined && !isInjected(pod);
      });
      await scene.configure(t);
    });
  });

  await t.test('its certificate is replaced while pods are made', async (t) => {
    const short = await scene.startInjector(t, { ttl: '6s', 'on-bad-pod': 'skip' });
    await scene.serves(short);
    await makePodsUntil(scene, () => short.logger.of('svid rotated').length >= 3);
    t.equal(new Set(short.logger.lines.flatMap(({ fields }) => fields.serial ?? [])).size, 4);

    await t.test('a pod that cannot be injected is made as it is, if that is wanted', async (t) => {
      const pod = await scene.makePod('says-enabled', { annotations: { 'sidecert.dev/inbound': 'open' } });
      t.notOk(isInjected(pod));
    });

    await t.test('so are its roots: old and new ones stand there together, and then the new ones', async (t) => {
      const next = TestCa.root('next root');
      const oldRoot = scene.roots;
      const withBoth = { 'root-cert.pem': Buffer.concat([pemOf([next]), oldRoot]) };
      const during = authorityDirectory(t, { signer: next, roots: [] }, withBoth);
      const rotated = async (isWritten: (bundle: string) => boolean): Promise<void> => {
        const before = short.logger.of('svid rotated').length;
        await makePodsUntil(scene, async () => {
          const count = short.logger.of('svid rotated').length - before;
          return count >= 2 && (await scene.caBundles()).every(isWritten);
        });
      };
      const has = (bundle: string, root: Buffer): boolean => bundle.includes(root.toString());
      await scene.replaceCitadel({ 'ca-dir': during });
      await rotated((bundle) => has(bundle, oldRoot) && has(bundle, next.certificatePem));
      await scene.replaceCitadel({ 'ca-dir': authorityDirectory(t, { signer: next, roots: [next] }) });
      await rotated((bundle) => !has(bundle, oldRoot) && has(bundle, next.certificatePem));
      t.pass();
    });
    await short.end();
  });

  await t.test('is not ready while something is missing, and says what', async (t) => {
    const reason = async (flags: Record<string, string>, expected: RegExp): Promise<void> => {
      const { app, pages } = await scene.startInjector(t, flags);
      await until(async () => expected.test((await pages.page('/healthz/ready')).text));
      await app.close();
    };
    await reason({ 'ca-address': '127.0.0.1:1' }, /^not ready: there is no valid certificate\n$/);
    const nobody = scene.server.kubeconfigOf(await scene.server.token('says-nothing', 'nobody'));
    await reason({ kubeconfig: nobody }, /^not ready: the webhook configuration has not been read\n$/);
    await scene.replaceCitadel({ 'dns-name': 'istio-system/other=other.istio-system.svc' });
    const host = 'sidecert-injector.istio-system.svc';
    const name = `its certificate has no name ${host}: give Citadel --dns-name istio-system/sidecert-injector=${host}`;
    await reason({}, new RegExp(`^not ready: ${name}\n$`));
    t.pass();
  });
});

/** What a pod is, but for its name and what the API server has added to it. */
function withoutDefaults({ spec, metadata }: JsonObject): object {
  const { annotations } = metadata as { annotations: object };
  return { spec, annotations };
}
