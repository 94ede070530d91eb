import t from 'tap';
import type { AuthenticatedWorkload } from '../../../src/citadel/authn/index.js';
import { BoundPods, NodeImpersonation, podCheckedAuthenticator } from '../../../src/citadel/authn/index.js';
import { IdentityError } from '../../../src/errors/index.js';
import { SpiffeId, TrustDomain } from '../../../src/pki/spiffe/index.js';
import { rejectionCode } from '../../hotpath/pki.js';

const trustDomain = TrustDomain.parse('cluster.local');
const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';
const ZTUNNEL: AuthenticatedWorkload = {
  spiffeId: SpiffeId.parse('spiffe://cluster.local/ns/istio-system/sa/ztunnel'),
  ...{ podName: 'ztunnel-1', podUid: 'uid-1', tokenExpiresAtMs: 4e12 },
};

function setup() {
  let nowMs = 1_000_000;
  const asked: string[] = [];
  const state: {
    pod?: { uid: string; serviceAccount: string; node: string | undefined } | undefined;
    runs: boolean;
    fault?: Error;
  } = {
    pod: { uid: 'uid-1', serviceAccount: 'ztunnel', node: 'node-1' },
    runs: true,
  };
  const pods = {
    async find(namespace: string, name: string) {
      asked.push(`${namespace}/${name}`);
      if (state.fault !== undefined) throw state.fault;
      return state.pod;
    },
    async runsOn(node: string, namespace: string, account: string) {
      asked.push(`${node}: ${namespace}/${account}`);
      return state.runs;
    },
  };
  const now = (): number => nowMs;
  const boundPods = new BoundPods(pods, now);
  const impersonation = new NodeImpersonation({
    ...{ trustedAccounts: ['istio-system/ztunnel'], trustDomain, boundPods, pods, now },
    aliases: () => [TrustDomain.parse('old.example')],
  });
  const advance = (milliseconds: number): void => {
    nowMs += milliseconds;
  };
  return { asked, state, impersonation, boundPods, advance };
}

t.test('a trusted node proxy gets the identity of a pod on its node', async (t) => {
  const { impersonation, asked } = setup();
  const workload = await impersonation.authorize(ZTUNNEL, SLEEP);
  t.match(workload, {
    ...{ podName: 'ztunnel-1', tokenExpiresAtMs: 4e12 },
    authenticatedBy: 'impersonation by spiffe://cluster.local/ns/istio-system/sa/ztunnel on node-1',
  });
  t.equal(workload.spiffeId.toString(), SLEEP);
  t.same(asked, ['istio-system/ztunnel-1', 'node-1: foo/sleep']);
  const other = await impersonation.authorize(ZTUNNEL, 'spiffe://old.example/ns/foo/sa/sleep');
  t.equal(other.spiffeId.toString(), SLEEP, 'an alias of the trust domain is it');
  t.equal(asked.length, 2, 'answers are good for some seconds');
});

t.test('a pod that was not there is asked for again at once, one that was is after ten seconds', async (t) => {
  const { impersonation, state, asked, advance } = setup();
  state.runs = false;
  t.equal(await rejectionCode(impersonation.authorize(ZTUNNEL, SLEEP)), 'ERR_IMPERSONATION_REFUSED');
  state.runs = true;
  t.equal(await rejectionCode(impersonation.authorize(ZTUNNEL, SLEEP)), 'none');
  state.runs = false;
  advance(10_000);
  t.equal(await rejectionCode(impersonation.authorize(ZTUNNEL, SLEEP)), 'ERR_IMPERSONATION_REFUSED');
  t.equal(asked.length, 5);
});

type State = ReturnType<typeof setup>['state'];
const refused: readonly {
  name: string;
  caller?: Partial<AuthenticatedWorkload>;
  identity?: string | undefined;
  change?: (state: State) => void;
  says: RegExp;
}[] = [
  {
    name: 'an account that is not trusted',
    caller: { spiffeId: SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/ztunnel') },
    says: /got it of spiffe:.*foo\/sa\/ztunnel, expected one of istio-system\/ztunnel/,
  },
  {
    name: 'a token that is bound to no pod',
    caller: { podUid: undefined },
    says: /the caller's token is bound to no pod/,
  },
  { name: 'an empty identity', identity: '', says: /SPIFFE ID: got ""/ },
  { name: 'an identity that is no text', identity: undefined, says: /got nothing, expected a SPIFFE ID/ },
  { name: 'an identity of another trust domain', identity: 'spiffe://other/ns/foo/sa/sleep', says: /trust domain/ },
  {
    name: 'an identity of no service account',
    identity: 'spiffe://cluster.local/vm/db',
    says: /ID of a service account/,
  },
  { name: 'a pod of its own that is gone', change: (state) => void delete state.pod, says: /which is gone/ },
  {
    name: 'a pod of its own that was made again',
    change: (state) => {
      state.pod = { uid: 'uid-2', serviceAccount: 'ztunnel', node: 'node-1' };
    },
    says: /of another uid, which is gone/,
  },
  {
    name: 'a pod of its own that is of another account',
    change: (state) => {
      state.pod = { uid: 'uid-1', serviceAccount: 'other', node: 'node-1' };
    },
    says: /which is of the account other/,
  },
  {
    name: 'a pod of its own without a node',
    change: (state) => {
      state.pod = { uid: 'uid-1', serviceAccount: 'ztunnel', node: undefined };
    },
    says: /is on no node/,
  },
  {
    name: 'no pod of the identity on the node',
    change: (state) => {
      state.runs = false;
    },
    says: /the node node-1, which has no pod/,
  },
];
for (const one of refused) {
  t.test(`refused: ${one.name}`, async (t) => {
    const { impersonation, state } = setup();
    one.change?.(state);
    const identity = 'identity' in one ? one.identity : SLEEP;
    await t.rejects(impersonation.authorize({ ...ZTUNNEL, ...one.caller }, identity), {
      ...{ code: 'ERR_IMPERSONATION_REFUSED', message: one.says },
    });
  });
}

t.test('while the API server is away no identity is lent, and the reason is its own', async (t) => {
  const { impersonation, state } = setup();
  state.fault = new IdentityError('ERR_KUBERNETES_UNAVAILABLE', 'away');
  t.equal(await rejectionCode(impersonation.authorize(ZTUNNEL, SLEEP)), 'ERR_KUBERNETES_UNAVAILABLE');
  delete state.fault;
  t.equal(await rejectionCode(impersonation.authorize(ZTUNNEL, SLEEP)), 'none');
});

t.test('a token whose pod is gone is refused, and one that is bound to none is not asked about', async (t) => {
  const { boundPods, state, asked } = setup();
  let workload: AuthenticatedWorkload = ZTUNNEL;
  const authenticator = podCheckedAuthenticator({ authenticate: async () => workload }, boundPods);
  t.equal(await rejectionCode(authenticator.authenticate('a')), 'none');
  delete state.pod;
  workload = { ...ZTUNNEL, podName: 'ztunnel-2', podUid: 'uid-2' };
  await t.rejects(authenticator.authenticate('a'), {
    code: 'ERR_TOKEN_REFUSED',
    message: 'token is bound to the pod istio-system/ztunnel-2, which is gone',
  });
  workload = { ...ZTUNNEL, podUid: undefined };
  t.equal(await rejectionCode(authenticator.authenticate('a')), 'none');
  t.equal(asked.length, 2);
});
