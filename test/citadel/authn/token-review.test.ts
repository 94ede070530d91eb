import t from 'tap';
import type { Authenticator } from '../../../src/citadel/authn/index.js';
import { reviewedAuthenticator } from '../../../src/citadel/authn/index.js';
import type { ReviewedToken } from '../../../src/citadel/authn/token-review.js';
import { IdentityError } from '../../../src/errors/index.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';
import { rejectionCode } from '../../hotpath/pki.js';

const SLEEP = 'system:serviceaccount:foo:sleep';
const accepted: ReviewedToken = { kind: 'accepted', username: SLEEP, audiences: ['istio-ca'] };

function setup(answer: () => Promise<ReviewedToken>) {
  const asked: string[] = [];
  let nowMs = 1_000_000;
  const first: Authenticator = {
    async authenticate(token) {
      if (token === 'forged') throw new IdentityError('ERR_TOKEN_REFUSED', 'forged');
      return {
        spiffeId: SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep'),
        podName: undefined,
        tokenExpiresAtMs: 0,
      };
    },
  };
  const reviewer = {
    review(token: string, audiences: readonly string[]) {
      asked.push(`${token} for ${audiences}`);
      return answer();
    },
  };
  const authenticator = reviewedAuthenticator(first, { reviewer, audiences: ['istio-ca', 'b'], now: () => nowMs });
  const advance = (milliseconds: number): void => {
    nowMs += milliseconds;
  };
  return { authenticator, asked, advance };
}

t.test('a token that both accept names its workload', async (t) => {
  const { authenticator, asked } = setup(async () => accepted);
  t.match((await authenticator.authenticate('a')).spiffeId.toString(), 'spiffe://cluster.local/ns/foo/sa/sleep');
  t.strictSame(asked, ['a for istio-ca,b']);
});

t.test('a forged token is not reviewed', async (t) => {
  const { authenticator, asked } = setup(async () => accepted);
  t.equal(await rejectionCode(authenticator.authenticate('forged')), 'ERR_TOKEN_REFUSED');
  t.strictSame(asked, []);
});

const wrong: readonly { readonly name: string; readonly answer: ReviewedToken; readonly says: RegExp }[] = [
  {
    name: 'is refused',
    answer: { kind: 'refused', reason: 'service account token has been invalidated' },
    says: /^token was refused by the API server: "service account token has been invalidated"$/,
  },
  {
    name: 'is that of another account',
    answer: { ...accepted, username: 'system:serviceaccount:bar:sleep' },
    says: /^token was reviewed as that of "system:serviceaccount:bar:sleep", expected \/ns\/foo\/sa\/sleep$/,
  },
  { name: 'is that of a person', answer: { ...accepted, username: 'alice' }, says: /as that of "alice"/ },
  { name: 'is for other audiences', answer: { ...accepted, audiences: ['c'] }, says: /for the audiences \["c"\]/ },
  { name: 'is for no audience', answer: { ...accepted, audiences: [] }, says: /for the audiences \[\]/ },
];

for (const { name, answer, says } of wrong) {
  t.test(`a token that ${name} is refused`, async (t) => {
    const { authenticator } = setup(async () => answer);
    await t.rejects(authenticator.authenticate('a'), { code: 'ERR_TOKEN_REFUSED', message: says });
  });
}

t.test('one review serves all who bring the same token within ten seconds', async (t) => {
  const { authenticator, asked, advance } = setup(async () => accepted);
  await Promise.all([
    authenticator.authenticate('a'),
    authenticator.authenticate('a'),
    authenticator.authenticate('b'),
  ]);
  advance(9_999);
  await authenticator.authenticate('a');
  t.equal(asked.length, 2);
  advance(1);
  await authenticator.authenticate('a');
  t.equal(asked.length, 3);
  advance(-60_000);
  await authenticator.authenticate('a');
  t.equal(asked.length, 4, 'a clock that was set back does not prolong it');
});

t.test('without an answer there is no workload, and the next one asks again', async (t) => {
  let isAway = true;
  const { authenticator, asked } = setup(async () => {
    if (isAway) throw new IdentityError('ERR_KUBERNETES_UNAVAILABLE', 'away');
    return accepted;
  });
  t.equal(await rejectionCode(authenticator.authenticate('a')), 'ERR_KUBERNETES_UNAVAILABLE');
  isAway = false;
  t.equal(await rejectionCode(authenticator.authenticate('a')), 'none');
  t.equal(asked.length, 2);
});
