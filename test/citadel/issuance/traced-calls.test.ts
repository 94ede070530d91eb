import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { type Authenticator, reviewedAuthenticator } from '../../../src/citadel/authn/index.js';
import type { TokenReviewer } from '../../../src/citadel/authn/token-review.js';
import { IdentityError } from '../../../src/errors/index.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';
import { Sampler } from '../../../src/tracing/sampler.js';
import { SamplingTracer } from '../../../src/tracing/sampling-tracer.js';
import type { EndedSpan } from '../../../src/tracing/spans.js';
import { startCitadel } from '../../support/citadel.js';
import { openHotPath } from '../../support/hot-path.js';
import { SLEEP } from '../../support/sidecar-agent.js';

const hotPath = openHotPath();
const RPC = 'istio.v1.auth.IstioCertificateService/CreateCertificate';

const byToken: Authenticator = {
  authenticate: async (token) => {
    if (token === 'bad') throw new IdentityError('ERR_TOKEN_REFUSED', 'a message that names the token bad');
    return {
      spiffeId: SpiffeId.parse(SLEEP),
      podName: 'sleep-0',
      podUid: 'uid-0',
      tokenExpiresAtMs: Date.now() + 3.6e6,
    };
  },
};

/** A Citadel that asks this reviewer, and the spans of its calls by their names. */
async function traced(t: Test, review: TokenReviewer['review'], maxInFlight = 16) {
  const ended: EndedSpan[] = [];
  const sampler = new Sampler({ ratio: 1, isParentBased: false, random: Math.random });
  const tracer = new SamplingTracer(sampler, (span) => ended.push(span));
  const authenticator = reviewedAuthenticator(byToken, {
    reviewer: { review },
    audiences: ['istio-ca'],
    now: Date.now,
  });
  const { caller } = await startCitadel(t, hotPath, { authenticator, tracer, maxInFlight });
  const { csrPem } = await hotPath.prepare({ spiffeId: SLEEP, keyType: 'ec-p256' });
  const call = (token: string) => caller.call({ token, csr: csrPem.toString() });
  const of = (name: string) => ended.filter((span) => span.name === name);
  return { call, of, ended };
}

const ACCEPTED = { kind: 'accepted', username: 'system:serviceaccount:foo:sleep', audiences: ['istio-ca'] } as const;

t.test('the review of a token is a part of the authentication, which is one of the call', async (t) => {
  const { call, of } = await traced(t, async () => ACCEPTED);
  t.equal((await call('good')).code, status.OK);
  const [server] = of(RPC);
  const [authentication] = of('citadel.authenticate');
  const [review] = of('citadel.token_review');
  t.equal(authentication?.parentSpanId, server?.spanId);
  t.equal(review?.parentSpanId, authentication?.spanId);
  t.match(Object.fromEntries(server?.attributes ?? []), {
    ...{ 'sidecert.spiffe_id': SLEEP, 'k8s.namespace.name': 'foo', 'k8s.pod.name': 'sleep-0', 'k8s.pod.uid': 'uid-0' },
    ...{ 'rpc.grpc.status_code': 0, 'rpc.system': 'grpc', 'rpc.method': 'CreateCertificate' },
  });
});

t.test('a refusal is told by its code alone, and is no failure of the server', async (t) => {
  const { call, of, ended } = await traced(t, async () => ACCEPTED);
  t.equal((await call('bad')).code, status.UNAUTHENTICATED);
  const [server] = of(RPC);
  t.match(server, { isFailed: false });
  t.match(Object.fromEntries(server?.attributes ?? []), {
    ...{ 'rpc.grpc.status_code': 16, 'error.type': 'ERR_TOKEN_REFUSED' },
  });
  t.match(of('citadel.authenticate'), [{ isFailed: true }]);
  t.strictSame(of('citadel.token_review'), []);
  t.notMatch(JSON.stringify(ended.map(({ attributes }) => [...attributes])), /bad|names/);
});

t.test('an API server that cannot be asked is a failure of the server', async (t) => {
  const away = async () => {
    throw new IdentityError('ERR_KUBERNETES_UNAVAILABLE', 'away');
  };
  const { call, of } = await traced(t, away);
  t.equal((await call('good')).code, status.UNAVAILABLE);
  t.match(of('citadel.token_review'), [{ isFailed: true }]);
  t.match(of(RPC), [{ isFailed: true }]);
});

t.test('a call that finds no place is a span, too', async (t) => {
  const { call, of } = await traced(t, () => new Promise(() => {}), 1);
  void call('good');
  t.equal((await call('good')).code, status.RESOURCE_EXHAUSTED);
  const [refused] = of(RPC);
  t.match(Object.fromEntries(refused?.attributes ?? []), {
    ...{ 'rpc.grpc.status_code': 8, 'error.type': 'ERR_CITADEL_OVERLOADED' },
  });
});
