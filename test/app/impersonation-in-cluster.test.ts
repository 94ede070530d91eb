import { X509Certificate } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { istio } from '../../src/net/protobuf/index.js';
import { citadelAccount } from '../support/citadel-account.js';
import { CitadelCaller } from '../support/citadel-caller.js';
import { startInCluster } from '../support/cluster-citadel.js';
import { foreignCsr } from '../support/foreign-csr.js';
import { KubeApiServer, kubernetesPrograms } from '../support/kube-apiserver.js';

const programs = kubernetesPrograms();
const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';
const csr = foreignCsr();

/** As ztunnel asks. */
function requestFor(identity: string): Buffer {
  const fields = { ImpersonatedIdentity: { stringValue: identity } };
  const request = { csr, validityDuration: 0, metadata: { fields } };
  return Buffer.from(istio.v1.auth.IstioCertificateRequest.encode(request).finish());
}

t.test('node proxies and a real API server', { skip: programs.skip }, async (t) => {
  const server = await KubeApiServer.start(t, programs);
  const kubeconfig = await citadelAccount(server);
  await server.kubectl('create', 'namespace', 'foo');
  const pod = async (namespace: string, name: string, account: string, nodeName: string): Promise<void> => {
    const spec = { serviceAccountName: account, nodeName, containers: [{ name: 'a', image: 'b' }] };
    await server.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec }));
  };
  await server.token('istio-system', 'ztunnel', '--audience=istio-ca');
  await server.token('foo', 'sleep', '--audience=istio-ca');
  await pod('istio-system', 'ztunnel-1', 'ztunnel', 'node-1');
  await pod('foo', 'sleep-1', 'sleep', 'node-2');
  const bound = (name: string) => ['--audience=istio-ca', '--bound-object-kind=Pod', `--bound-object-name=${name}`];
  const token = await server.token('istio-system', 'ztunnel', ...bound('ztunnel-1'));
  const flags = { kubeconfig, 'trusted-node-account': 'istio-system/ztunnel', 'pod-check': 'true' };
  const { citadel, logger, rootPem, pages } = await startInCluster(t, server, flags);
  const root = Buffer.from(await rootPem('foo'));
  const caller = new CitadelCaller(t, { address: citadel.address, rootPem: root });
  const refusal = {
    ...{ code: status.UNAUTHENTICATED, details: 'request impersonation authentication failure', elements: [] },
  };

  await t.test('the certificate of the server has the names of the control plane in its namespace', async (t) => {
    const { serving_certificate: own } = JSON.parse((await pages.page('/status')).text);
    const names = ['istiod', 'istiod-remote', 'istio-pilot'].map((name) => `${name}.istio-system.svc`);
    t.same([...own.names].sort(), [...names, 'localhost', '127.0.0.1', '::1'].sort());
  });

  await t.test('the pods of another node are refused', async (t) => {
    t.strictSame(await caller.call({ token, bytes: requestFor(SLEEP) }), refusal);
    const { fields } = await logger.until('certificate refused');
    t.match(fields, { code: 'ERR_IMPERSONATION_REFUSED', reason: /the node node-1, which has no pod of it/ });
  });

  await t.test('a pod that has ended does not count, one that runs does', async (t) => {
    await pod('foo', 'sleep-2', 'sleep', 'node-1');
    const patch = JSON.stringify({ status: { phase: 'Failed' } });
    await server.kubectl('patch', 'pod', '-n', 'foo', 'sleep-2', '--subresource=status', '--type=merge', '-p', patch);
    t.strictSame(await caller.call({ token, bytes: requestFor(SLEEP) }), refusal);
    await pod('foo', 'sleep-3', 'sleep', 'node-1');
    const { code, elements } = await caller.call({ token, bytes: requestFor(SLEEP) });
    t.equal(code, status.OK);
    t.equal(new X509Certificate(elements[0] ?? '').subjectAltName, `URI:${SLEEP}`);
    const { fields } = await logger.until('certificate issued');
    const by = 'impersonation by spiffe://cluster.local/ns/istio-system/sa/ztunnel on node-1';
    t.match(fields, { spiffe_id: SLEEP, authenticated_by: by, caller: 'ztunnel-1' });
  });

  await t.test('a workload that is trusted with nothing is refused, for its own identity too', async (t) => {
    const own = await server.token('foo', 'sleep', ...bound('sleep-3'));
    t.strictSame(await caller.call({ token: own, bytes: requestFor(SLEEP) }), refusal);
    t.equal((await caller.call({ token: own, csr })).code, status.OK);
  });

  await t.test('the token of a pod that is gone is refused', async (t) => {
    const own = await server.token('foo', 'sleep', ...bound('sleep-1'));
    await server.kubectl('delete', 'pod', '-n', 'foo', 'sleep-1', '--force', '--grace-period=0');
    t.match(await caller.call({ token: own, csr }), { code: status.UNAUTHENTICATED });
    t.match(logger.of('certificate refused').at(-1)?.fields, {
      reason: /bound to the pod foo\/sleep-1, which is gone/,
    });
  });
});
