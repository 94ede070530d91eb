import { createPublicKey, verify } from 'node:crypto';
import t from 'tap';
import { createTokenIssuer, TOKEN_ISSUER } from '../../src/demo/kubernetes/token-issuer.js';

const NOW_MS = Date.UTC(2026, 0, 1);
const POD = {
  namespace: 'foo',
  serviceAccount: 'sleep',
  podName: 'sleep-1',
  podUid: 'uid-1',
  audience: 'istio-ca',
  ttlSeconds: 600,
};

const decode = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));

t.test('a token is signed by the key that the key set publishes', async (t) => {
  const issuer = await createTokenIssuer(() => NOW_MS);
  const [header, payload, signature] = (await issuer.mint(POD)).split('.');
  const [jwk] = JSON.parse(issuer.jwks).keys;
  t.match(decode(header), { alg: 'RS256', kid: jwk.kid });
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  t.ok(verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature ?? '', 'base64url')));
  t.notOk('d' in jwk, 'the private half is not published');
});

t.test('a token has the claims that the TokenRequest API writes', async (t) => {
  const issuer = await createTokenIssuer(() => NOW_MS);
  const [, payload] = (await issuer.mint(POD)).split('.');
  t.match(decode(payload), {
    iss: TOKEN_ISSUER,
    sub: 'system:serviceaccount:foo:sleep',
    aud: ['istio-ca'],
    iat: NOW_MS / 1000,
    nbf: NOW_MS / 1000,
    exp: NOW_MS / 1000 + 600,
    'kubernetes.io': {
      namespace: 'foo',
      pod: { name: 'sleep-1', uid: 'uid-1' },
      serviceaccount: { name: 'sleep', uid: /^[0-9a-f-]{36}$/ },
    },
  });
});

t.test('a service account keeps its uid from token to token', async (t) => {
  const issuer = await createTokenIssuer(() => NOW_MS);
  const uids = await Promise.all(
    [POD, POD, { ...POD, serviceAccount: 'httpbin' }].map(async (pod) => {
      const [, payload] = (await issuer.mint(pod)).split('.');
      return decode(payload)['kubernetes.io'].serviceaccount.uid;
    }),
  );
  t.equal(uids[0], uids[1]);
  t.not(uids[0], uids[2]);
});
