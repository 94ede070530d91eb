import t from 'tap';
import { podIdentityOf } from '../../../src/agent/admission/index.js';
import { parseServiceAccountToken } from '../../../src/pki/service-account/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';

const trustDomain = TrustDomain.parse('cluster.local');

/** The claims of a projected token as Kubernetes documents them. */
const CLAIMS = {
  sub: 'system:serviceaccount:foo:sleep',
  'kubernetes.io': {
    namespace: 'foo',
    serviceaccount: { name: 'sleep', uid: '1f0a' },
    pod: { name: 'sleep-7d4b', uid: '2e9b' },
  },
};

function podOf(claims: object) {
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return podIdentityOf(parseServiceAccountToken(Buffer.from(`e30.${payload}.c2ln`), 0), trustDomain);
}

t.test('a token stands for the service account of its subject, in the pod that it is bound to', async (t) => {
  const pod = podOf(CLAIMS);
  t.equal(`${pod.spiffeId}`, 'spiffe://cluster.local/ns/foo/sa/sleep');
  t.equal(pod.podUid, '2e9b');
});

t.test('neither pods of one account nor accounts with one pod share a key', async (t) => {
  const bound = CLAIMS['kubernetes.io'];
  const otherPod = podOf({ ...CLAIMS, 'kubernetes.io': { ...bound, pod: { uid: '2e9c' } } });
  const otherAccount = podOf({
    sub: 'system:serviceaccount:foo:httpbin',
    'kubernetes.io': { ...bound, serviceaccount: { name: 'httpbin' } },
  });
  t.equal(new Set([podOf(CLAIMS), otherPod, otherAccount].map(({ key }) => key)).size, 3);
});

const bound = CLAIMS['kubernetes.io'];
const refused: [string, object][] = [
  ['no subject', { ...CLAIMS, sub: undefined }],
  ['a subject of another kind', { ...CLAIMS, sub: 'system:node:foo:sleep' }],
  ['a subject with more parts', { ...CLAIMS, sub: 'system:serviceaccount:foo:sleep:x' }],
  ['a subject without a name', { ...CLAIMS, sub: 'system:serviceaccount:foo:' }],
  ['a subject that leads out of its path', { ...CLAIMS, sub: 'system:serviceaccount:..:sleep' }],
  ['a slash in a name', { sub: 'system:serviceaccount:foo:a/b', 'kubernetes.io': { pod: { uid: '1' } } }],
  ['another namespace in its binding', { ...CLAIMS, 'kubernetes.io': { ...bound, namespace: 'bar' } }],
  ['another account in its binding', { ...CLAIMS, 'kubernetes.io': { ...bound, serviceaccount: { name: 'x' } } }],
  ['no binding', { sub: CLAIMS.sub }],
  ['a binding that is no object', { ...CLAIMS, 'kubernetes.io': 'foo' }],
  ['no pod', { ...CLAIMS, 'kubernetes.io': { ...bound, pod: undefined } }],
  ['an empty pod UID', { ...CLAIMS, 'kubernetes.io': { ...bound, pod: { uid: '' } } }],
  ['a pod UID that is no text', { ...CLAIMS, 'kubernetes.io': { ...bound, pod: { uid: 7 } } }],
  ['an endless pod UID', { ...CLAIMS, 'kubernetes.io': { ...bound, pod: { uid: 'x'.repeat(129) } } }],
];
for (const [what, claims] of refused) {
  t.test(`a token with ${what} is refused before the CA is asked`, async (t) => {
    t.throws(() => podOf(claims), { code: 'ERR_TOKEN_REFUSED' });
  });
}
