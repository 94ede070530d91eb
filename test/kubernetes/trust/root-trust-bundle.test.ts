import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { ApiClient, findAccess } from '../../../src/kubernetes/api/index.js';
import { publishRootTrustBundle } from '../../../src/kubernetes/trust/index.js';
import { systemClock } from '../../../src/timers/index.js';
import { citadelAccount } from '../../support/citadel-account.js';
import { FakeApiServer, json, refuse } from '../../support/fake-api-server.js';
import { KubeApiServer, kubernetesPrograms } from '../../support/kube-apiserver.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TestCa } from '../../support/test-ca.js';

const programs = kubernetesPrograms();
const NAME = 'istio.io:istiod-ca:root-cert';

t.test('roots in a ClusterTrustBundle of a real API server', { skip: programs.skip }, async (t) => {
  const server = await KubeApiServer.start(t, programs);
  const account = await citadelAccount(server);
  const one = readFileSync(server.caFile, 'utf8');
  const two = TestCa.root('another').certificatePem.toString();
  const publish = async (t: Test, kubeconfig = account) => {
    const logger = new RecordingLogger();
    const common = { logger, clock: systemClock, random: Math.random };
    const access = await findAccess(kubeconfig, {});
    const client = new ApiClient({ access, now: Date.now, ...common, userAgent: 'test', fieldManager: 'sidecert' });
    const bundle = publishRootTrustBundle({ client, rootsPem: one, ...common });
    t.teardown(async () => {
      await bundle.close();
      client.close();
    });
    return { bundle, logger };
  };
  const spec = async (): Promise<Record<string, string> | undefined> => {
    const list = JSON.parse(await server.kubectl('get', 'clustertrustbundles', '-o', 'json'));
    return list.items.find((item: { metadata: { name: string } }) => item.metadata.name === NAME)?.spec;
  };
  const until = async (pem: string): Promise<void> => {
    while ((await spec())?.trustBundle !== pem) await sleep(50);
  };
  const { bundle, logger } = await publish(t);
  await until(one);
  t.equal((await spec())?.signerName, 'istio.io/istiod-ca');
  await logger.until('roots are in a cluster trust bundle');
  t.equal(bundle.isPublished, true);
  await t.test('it is put right when it is changed or deleted', async () => {
    const patch = JSON.stringify({ spec: { trustBundle: two } });
    await server.kubectl('patch', 'clustertrustbundle', NAME, '--type=merge', '-p', patch);
    await until(one);
    await server.kubectl('delete', 'clustertrustbundle', NAME);
    await until(one);
  });
  await t.test('other roots replace it', async () => {
    bundle.publish(one + two);
    await until(one + two);
  });
  await t.test('a Citadel without the role says so, and no more', async (t) => {
    const other = await publish(t, server.kubeconfigOf(await server.token('default', 'other')));
    other.bundle.publish(two);
    const line = await other.logger.until('roots cannot be published, tried again');
    t.match(line.fields, {
      code: 'ERR_KUBERNETES_REFUSED',
      error: /^patch clustertrustbundles istio.io:istiod-ca:root-cert: got 403 Forbidden/,
      resource_name: 'clustertrustbundles istio.io:istiod-ca:root-cert',
    });
    t.equal(other.bundle.isPublished, false);
  });
});

t.test('an API server of an earlier Kubernetes has none, or the one before', async (t) => {
  for (const served of ['none', 'v1beta1'] as const) {
    const server = await FakeApiServer.start(t, ({ method, url }, response) => {
      if (url.pathname === `/apis/certificates.k8s.io/${served}`) {
        json(response, { kind: 'APIResourceList', resources: [{ name: 'clustertrustbundles' }] });
      } else if (!url.pathname.startsWith(`/apis/certificates.k8s.io/${served}/`)) refuse(response, 404, 'NotFound');
      else if (method === 'PATCH') json(response, { metadata: { name: NAME, resourceVersion: '2' } });
      else if (url.searchParams.has('watch')) response.writeHead(200).flushHeaders();
      else json(response, { metadata: { resourceVersion: '1' }, items: [] });
    });
    const client = server.client();
    const { logger } = server;
    const bundle = publishRootTrustBundle({ client, rootsPem: 'roots', logger, clock: systemClock, random: () => 0 });
    t.teardown(() => bundle.close());
    const isThere = served === 'v1beta1';
    await logger.until(isThere ? 'roots are in a cluster trust bundle' : 'the API server has no cluster trust bundles');
    const [patch] = server.requests.filter(({ method }) => method === 'PATCH');
    t.equal(
      patch?.url.pathname,
      isThere ? `/apis/certificates.k8s.io/v1beta1/clustertrustbundles/${encodeURIComponent(NAME)}` : undefined,
    );
    t.match(isThere ? JSON.parse(patch?.body ?? '') : {}, isThere ? { apiVersion: 'certificates.k8s.io/v1beta1' } : {});
  }
});
