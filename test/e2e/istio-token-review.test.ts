import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { decodeJwt, SignJWT } from 'jose';
import t from 'tap';
import { citadelAccount } from '../support/citadel-account.js';
import { type CertificateAnswer, CitadelCaller } from '../support/citadel-caller.js';
import { startInCluster } from '../support/cluster-citadel.js';
import { foreignCsr } from '../support/foreign-csr.js';
import { NO_ISTIO_CA, startIstioCa } from '../support/istio-ca.js';
import { KubeApiServer, kubernetesPrograms, SERVICE_ACCOUNT_ISSUER } from '../support/kube-apiserver.js';
import { TokenIssuer } from '../support/test-tokens.js';

// The same tokens to istiod's own CA and to Citadel, which both have them reviewed by one real API server.

const programs = kubernetesPrograms();
const CSR = foreignCsr();
const FOR_CA = '--audience=istio-ca';

t.test('istiod and Citadel take the same tokens of a cluster', { skip: programs.skip || NO_ISTIO_CA }, async (t) => {
  const server = await KubeApiServer.start(t, programs);
  const account = await citadelAccount(server);
  await server.kubectl('create', 'namespace', 'foo');
  const istiod = await startIstioCa(t, { kubeconfig: server.kubeconfig });
  const ours = await startInCluster(t, server, { kubeconfig: account, 'token-review': 'true' });
  const callers = {
    istiod: new CitadelCaller(t, { address: istiod.address, rootPem: istiod.rootPem }),
    ours: new CitadelCaller(t, { address: ours.citadel.address, rootPem: Buffer.from(await ours.rootPem('foo')) }),
  };
  const ask = async (token: string, metadata: Record<string, string> = {}) => {
    const call = { token, csr: CSR, metadata };
    return { istiod: verdictOf(await callers.istiod.call(call)), ours: verdictOf(await callers.ours.call(call)) };
  };
  const accepted = (name: string) => ({ code: 'OK', identity: `URI:spiffe://cluster.local/ns/foo/sa/${name}` });
  const refused = { code: 'UNAUTHENTICATED', identity: undefined };
  const both = (verdict: object) => ({ istiod: verdict, ours: verdict });
  /** Until neither takes it: an API server knows for some seconds what it has found. */
  const untilRefused = async (token: string) => {
    for (;;) {
      const verdicts = await ask(token);
      if (verdicts.istiod.code !== 'OK' && verdicts.ours.code !== 'OK') return verdicts;
      await sleep(200);
    }
  };

  const good = await server.token('foo', 'sleep', FOR_CA);
  t.strictSame(await ask(good), both(accepted('sleep')), 'a good one');
  t.strictSame(await ask(good, { clusterid: 'Kubernetes' }), both(accepted('sleep')), 'with the name of the cluster');
  const several = await server.token('foo', 'sleep', FOR_CA, '--audience=vault');
  t.strictSame(await ask(several), both(accepted('sleep')), 'for others, too');

  const key = createPrivateKey(readFileSync(join(dirname(server.kubeconfig), 'service-accounts.key')));
  const claims = decodeJwt(good);
  const signed = (changes: object): Promise<string> =>
    new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg: 'RS256' }).sign(key);
  const nowSeconds = Math.floor(Date.now() / 1000);
  const hour = 3600;
  t.strictSame(
    await ask(await signed({})),
    both(accepted('sleep')),
    'one that the test signs by the key of the cluster',
  );
  const otherCluster = new TokenIssuer({ alg: 'RS256', issuer: SERVICE_ACCOUNT_ISSUER });
  const wrong: Readonly<Record<string, string>> = {
    'that has expired': await signed({
      iat: nowSeconds - 2 * hour,
      nbf: nowSeconds - 2 * hour,
      exp: nowSeconds - hour,
    }),
    'of an hour from now on': await signed({ nbf: nowSeconds + hour, exp: nowSeconds + 2 * hour }),
    'for the API server': await server.token('foo', 'sleep'),
    'for others': await server.token('foo', 'sleep', '--audience=vault'),
    'of another cluster of the same issuer': await otherCluster.sign(claims),
    'of another cluster': await new TokenIssuer({ alg: 'RS256', issuer: 'https://elsewhere' }).token('foo', 'sleep'),
    'of an account that has never been': await signed({
      sub: 'system:serviceaccount:foo:unknown',
      'kubernetes.io': { namespace: 'foo', serviceaccount: { name: 'unknown', uid: '1f0a' } },
    }),
    'that is text': 'no-token',
  };
  for (const [name, token] of Object.entries(wrong)) t.strictSame(await ask(token), both(refused), `one ${name}`);

  await t.test('of a pod that is deleted', async (t) => {
    const spec = { serviceAccountName: 'sleep', containers: [{ name: 'a', image: 'b' }] };
    await server.apply(
      JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'sleep-1', namespace: 'foo' }, spec }),
    );
    const bound = ['--bound-object-kind=Pod', '--bound-object-name=sleep-1'];
    const token = await server.token('foo', 'sleep', FOR_CA, ...bound);
    t.strictSame(await ask(token), both(accepted('sleep')));
    await server.kubectl('delete', 'pod', '-n', 'foo', 'sleep-1', '--force', '--grace-period=0');
    t.strictSame(await untilRefused(token), both(refused));
  });

  await t.test('of a service account that is deleted, and of another one by that name', async (t) => {
    const token = await server.token('foo', 'short', FOR_CA);
    t.strictSame(await ask(token), both(accepted('short')));
    await server.kubectl('delete', 'serviceaccount', '-n', 'foo', 'short');
    t.strictSame(await untilRefused(token), both(refused));
    const next = await server.token('foo', 'short', FOR_CA);
    t.strictSame(await ask(next), both(accepted('short')));
    t.strictSame(await ask(token), both(refused));
  });

  await t.test('where they differ', async (t) => {
    t.strictSame(
      await ask(good, { clusterid: 'another' }),
      { istiod: refused, ours: accepted('sleep') },
      'istiod looks for the API server of the named cluster; Citadel has one, and the token is of that',
    );
    await server.stop();
    const away = await server.kubectl('version').catch(() => 'away');
    t.equal(away, 'away');
    const token = await signed({ jti: 'never seen' });
    t.strictSame(
      await ask(token),
      { istiod: refused, ours: { code: 'UNAVAILABLE', identity: undefined } },
      'while the API server is away nothing is known of a token: agents ask again, and do not take theirs for wrong',
    );
  });
});

function verdictOf({ code, elements }: CertificateAnswer) {
  const [leaf] = elements;
  return { code: status[code], identity: leaf === undefined ? undefined : new X509Certificate(leaf).subjectAltName };
}
