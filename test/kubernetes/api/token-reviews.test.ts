import t from 'tap';
import { TokenReviews } from '../../../src/kubernetes/api/index.js';
import { FakeApiServer, json } from '../../support/fake-api-server.js';

const user = { username: 'system:serviceaccount:foo:sleep' };
const answers = [
  {
    name: 'accepted',
    status: { authenticated: true, user, audiences: ['istio-ca', 7] },
    want: { kind: 'accepted', username: user.username, audiences: ['istio-ca'] },
  },
  {
    name: 'accepted by a server that knows no audiences',
    status: { authenticated: true, user },
    want: { kind: 'accepted', username: user.username, audiences: [] },
  },
  { name: 'refused', status: { error: 'expired' }, want: { kind: 'refused', reason: 'expired' } },
  { name: 'refused without reason', status: {}, want: { kind: 'refused', reason: 'not authenticated' } },
  { name: 'neither', status: { authenticated: 'true', user }, want: { kind: 'refused', reason: 'not authenticated' } },
] as const;

for (const { name, status, want } of answers) {
  t.test(`a token may be ${name}`, async (t) => {
    const server = await FakeApiServer.start(t, (_, response) => json(response, { status }, 201));
    t.strictSame(await new TokenReviews(server.client()).review('a.b.c', ['istio-ca']), want);
    t.equal(`${server.first.method} ${server.first.url.pathname}`, 'POST /apis/authentication.k8s.io/v1/tokenreviews');
    t.match(JSON.parse(server.first.body), { kind: 'TokenReview', spec: { token: 'a.b.c', audiences: ['istio-ca'] } });
  });
}

for (const body of [
  {},
  { status: null },
  { status: { authenticated: true } },
  { status: { authenticated: true, user: {} } },
]) {
  t.test(`${JSON.stringify(body)} is no review`, async (t) => {
    const server = await FakeApiServer.start(t, (_, response) => json(response, body));
    await t.rejects(new TokenReviews(server.client()).review('a.b.c', []), { code: 'ERR_KUBERNETES_RESPONSE_INVALID' });
  });
}
