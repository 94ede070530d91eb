import t from 'tap';
import { serviceAccountOf, workloadClaims } from '../../../src/pki/service-account/index.js';

const ACCOUNT = { namespace: 'foo', serviceAccount: 'sleep' };

const of = (sub: unknown, bound?: unknown) => serviceAccountOf(workloadClaims({ sub, 'kubernetes.io': bound }));

t.test('the subject names the service account, and the binding may repeat it', async (t) => {
  const sub = 'system:serviceaccount:foo:sleep';
  t.strictSame(of(sub), ACCOUNT);
  t.strictSame(of(sub, { namespace: 'foo', serviceaccount: { name: 'sleep', uid: '1f0a' } }), ACCOUNT);
  t.strictSame(of('system:serviceaccount:a:x.y-z'), { namespace: 'a', serviceAccount: 'x.y-z' });
});

const refused: readonly (readonly [string, unknown, unknown?])[] = [
  ['no subject', undefined],
  ['a subject that is a list', ['system:serviceaccount:foo:sleep']],
  ['a user', 'system:node:foo:sleep'],
  ['a fifth part', 'system:serviceaccount:foo:sleep:x'],
  ['a namespace in capitals', 'system:serviceaccount:Foo:sleep'],
  ['a namespace with a dot', 'system:serviceaccount:foo.bar:sleep'],
  ['a namespace of 64 characters', `system:serviceaccount:${'a'.repeat(64)}:sleep`],
  ['an account that begins with a dot', 'system:serviceaccount:foo:.sleep'],
  ['an account of 254 characters', `system:serviceaccount:foo:${'a'.repeat(254)}`],
  ['another namespace in the binding', 'system:serviceaccount:foo:sleep', { namespace: 'bar' }],
  ['another account in the binding', 'system:serviceaccount:foo:sleep', { serviceaccount: { name: 'x' } }],
  ['an account of the binding that is no text', 'system:serviceaccount:foo:sleep', { serviceaccount: { name: 7 } }],
];

for (const [name, sub, bound] of refused) {
  t.test(`claims with ${name} are refused`, async (t) => {
    t.throws(() => of(sub, bound), { code: 'ERR_TOKEN_REFUSED' });
  });
}
