import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { citadelAccount } from '../support/citadel-account.js';
import { CitadelCaller } from '../support/citadel-caller.js';
import { startInCluster } from '../support/cluster-citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { KubeApiServer, kubernetesPrograms } from '../support/kube-apiserver.js';

const programs = kubernetesPrograms();
const hotPath = openHotPath();

t.test('a Citadel that has tokens reviewed', { skip: programs.skip }, async (t) => {
  const server = await KubeApiServer.start(t, programs);
  const account = await citadelAccount(server);
  await server.kubectl('create', 'namespace', 'foo');
  const token = await server.token('foo', 'sleep', '--audience=istio-ca');
  const { csrPem } = await hotPath.prepare({ spiffeId: 'spiffe://cluster.local/ns/foo/sa/sleep', keyType: 'ec-p256' });
  const csr = csrPem.toString();
  const start = (t: Test, flags: Record<string, string> = {}) =>
    startInCluster(t, server, { kubeconfig: account, ...flags });

  await t.test('the token of a pod that is gone is refused by review, and by its keys alone it is not', async (t) => {
    const pod = { metadata: { name: 'sleep-1', namespace: 'foo' }, spec: { containers: [{ name: 'a', image: 'b' }] } };
    const apply = { apiVersion: 'v1', kind: 'Pod', ...pod, spec: { ...pod.spec, serviceAccountName: 'sleep' } };
    await server.apply(JSON.stringify(apply));
    const bound = ['--audience=istio-ca', '--bound-object-kind=Pod', '--bound-object-name=sleep-1'];
    const token = await server.token('foo', 'sleep', ...bound);
    const callerOf = async (flags: Record<string, string>) => {
      const one = await start(t, { ...flags, 'token-binding': 'pod' });
      const rootPem = Buffer.from(await one.rootPem('foo'));
      return { ...one, caller: new CitadelCaller(t, { address: one.citadel.address, rootPem }) };
    };
    const [reviewing, byKeys] = await Promise.all([callerOf({ 'token-review': 'true' }), callerOf({})]);
    t.equal((await reviewing.caller.call({ token, csr })).code, status.OK);
    t.equal((await byKeys.caller.call({ token, csr })).code, status.OK);
    await server.kubectl('delete', 'pod', '-n', 'foo', 'sleep-1', '--force', '--grace-period=0');
    const answer = await until(
      () => reviewing.caller.call({ token, csr }),
      ({ code }) => code !== status.OK,
    );
    t.match(answer, { code: status.UNAUTHENTICATED, details: 'request authenticate failure' });
    t.match(reviewing.logger.of('certificate refused')[0]?.fields, {
      code: 'ERR_TOKEN_REFUSED',
      reason: /^token was refused by the API server: .*invalidated/,
    });
    t.equal((await byKeys.caller.call({ token, csr })).code, status.OK);
  });

  await t.test('while the API server is away, keys go on and reviews do not', async (t) => {
    const [reviewing, byKeys] = await Promise.all([start(t, { 'token-review': 'true' }), start(t)]);
    const rootPem = Buffer.from(await byKeys.rootPem('foo'));
    const callerOf = ({ citadel: { address } }: typeof byKeys) => new CitadelCaller(t, { address, rootPem });
    await server.stop();
    t.equal((await callerOf(byKeys).call({ token, csr })).code, status.OK);
    const refused = await callerOf(reviewing).call({ token, csr });
    t.match(refused, { code: status.UNAVAILABLE, details: 'the token could not be reviewed, try again later' });
    t.match(reviewing.logger.of('certificate refused')[0]?.fields, { code: 'ERR_KUBERNETES_UNAVAILABLE' });
    const late = start(t);
    await server.startApi();
    t.equal((await callerOf(await late).call({ token, csr })).code, status.OK, 'and one that starts waits for it');
    t.equal((await callerOf(reviewing).call({ token, csr })).code, status.OK);
  });
});

/** Asks again until the answer is another one: a review is good for ten seconds. */
async function until<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    await sleep(200);
  }
}
