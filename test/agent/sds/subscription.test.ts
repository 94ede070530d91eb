import t from 'tap';
import type { Content } from '../../../src/agent/sds/contents.js';
import type { SecretKind } from '../../../src/agent/sds/secret-kind.js';
import { type SecretLookup, stateOf, toSend } from '../../../src/agent/sds/sending.js';
import {
  NEW_SUBSCRIPTION,
  onChanged,
  onRepeat,
  onRequest,
  onSent,
  onTime,
} from '../../../src/agent/sds/subscription.js';
import type { Form, Subscription } from '../../../src/agent/sds/subscription-state.js';

const BODY = Buffer.alloc(0);

/** A store of contents, `kind version` by name; a name that is `impossible` can have none. */
function storeOf(contents: Readonly<Record<string, string>>, impossible: readonly string[] = []): SecretLookup {
  return {
    find(name) {
      const [kind, version] = contents[name]?.split(' ') ?? [];
      if (version === undefined) return undefined;
      return { secret: { version, body: BODY }, content: { version, kind: kind as SecretKind } };
    },
    isImpossible: (name) => impossible.includes(name),
  };
}

const STORE = storeOf({ A: 'certificate a', B: 'certificate b' });

/** What one message of a peer holds, the rest as in a request that says nothing. */
function said(
  sub: Subscription,
  request: { names?: readonly string[]; unsubscribed?: readonly string[]; nonce?: string; error?: string },
) {
  return onRequest(sub, { names: [], unsubscribed: [], nonce: '', error: undefined, ...request });
}

/** Sends what is due, if anything, under `nonce`. */
function sent(sub: Subscription, nonce: string, store = STORE): Subscription {
  const sending = toSend(sub, store);
  const contents = new Map<string, Content>();
  for (const { name, content } of sending?.secrets ?? []) contents.set(name, content);
  for (const name of sending?.removed ?? []) contents.set(name, { version: '', kind: undefined });
  return sending === undefined ? sub : onSent(sub, { nonce, contents, cause: 'request', nowMs: 0 });
}

/** A SotW stream that has asked for `names`; with `nonce`, everything available has been sent under it. */
function asked(names: readonly string[], nonce?: string, form: Form = 'sotw', store = STORE): Subscription {
  const sub = said(NEW_SUBSCRIPTION[form], { names }).next;
  return nonce === undefined ? sub : sent(sub, nonce, store);
}

function acked(names: readonly string[]): Subscription {
  return said(asked(names, '1'), { names, nonce: '1' }).next;
}

const sentNames = (sub: Subscription, store = STORE) => toSend(sub, store)?.secrets.map(({ name }) => name) ?? [];

const cases = [
  { name: 'first request', sub: NEW_SUBSCRIPTION.sotw, request: { names: ['A'] }, want: 'initial', sends: ['A'] },
  {
    name: 'first request with an old nonce',
    sub: NEW_SUBSCRIPTION.sotw,
    request: { names: ['A'], nonce: '7' },
    want: 'initial',
    sends: ['A'],
  },
  {
    name: 'first request with an error',
    sub: NEW_SUBSCRIPTION.sotw,
    request: { names: ['A'], error: 'old' },
    want: 'initial',
    sends: ['A'],
  },
  {
    name: 'echo of the outstanding nonce',
    sub: asked(['A'], '1'),
    request: { names: ['A'], nonce: '1' },
    want: 'ack',
    sends: [],
  },
  {
    name: 'the same with an empty error text',
    sub: asked(['A'], '1'),
    request: { names: ['A'], nonce: '1', error: '' },
    want: 'nack',
    sends: [],
  },
  { name: 'another nonce', sub: asked(['A'], '2'), request: { names: ['A'], nonce: '1' }, want: 'stale', sends: [] },
  {
    name: 'an error for another nonce',
    sub: asked(['A'], '2'),
    request: { names: ['A'], nonce: '1', error: 'x' },
    want: 'stale',
    sends: [],
  },
  {
    name: 'ACK with a new name',
    sub: asked(['A'], '1'),
    request: { names: ['A', 'B'], nonce: '1' },
    want: 'ack',
    sends: ['A', 'B'],
  },
  {
    name: 'NACK with a new name',
    sub: asked(['A'], '1'),
    request: { names: ['A', 'B'], nonce: '1', error: 'x' },
    want: 'nack',
    sends: ['A', 'B'],
  },
  {
    name: 'ACK with a name that has no content',
    sub: asked(['A'], '1'),
    request: { names: ['A', 'C'], nonce: '1' },
    want: 'ack',
    sends: [],
  },
  {
    name: 'ACK that drops a name',
    sub: asked(['A', 'B'], '1'),
    request: { names: ['B'], nonce: '1' },
    want: 'ack',
    sends: [],
  },
  {
    name: 'names in another order',
    sub: acked(['A', 'B']),
    request: { names: ['B', 'A'], nonce: '1' },
    want: 'idle',
    sends: [],
  },
  { name: 'repeated ACK', sub: acked(['A']), request: { names: ['A'], nonce: '1' }, want: 'idle', sends: [] },
  {
    name: 'no nonce, nothing outstanding, other names',
    sub: acked(['A', 'B']),
    request: { names: ['A'] },
    want: 'idle',
    sends: ['A'],
  },
  {
    name: 'a complaint without a nonce, nothing outstanding',
    sub: acked(['A']),
    request: { names: ['A'], error: 'x' },
    want: 'idle',
    sends: [],
  },
  {
    name: 'new name, nothing outstanding',
    sub: acked(['A']),
    request: { names: ['A', 'B'], nonce: '1' },
    want: 'idle',
    sends: ['A', 'B'],
  },
  { name: 'all names dropped', sub: acked(['A']), request: { names: [], nonce: '1' }, want: 'idle', sends: [] },
] as const;

for (const { name, sub, request, want, sends } of cases) {
  t.test(`${name}: ${want}`, async (t) => {
    const step = said(sub, request);
    t.equal(step.verdict.kind, want);
    t.same(sentNames(step.next), sends);
  });
}

const repeats = [
  { name: 'the last nonce on a shared stream', nonce: '1', isShared: true, want: 'repeat' },
  { name: 'an older nonce on a shared stream', nonce: '0', isShared: true, want: 'repeat' },
  { name: 'no nonce on a shared stream', nonce: '', isShared: true, want: 'repeat' },
  { name: 'no nonce on a stream of one subscriber', nonce: '', isShared: false, want: 'repeat' },
  { name: 'the last nonce on a stream of one subscriber', nonce: '1', isShared: false, want: 'idle' },
];
for (const { name, nonce, isShared, want } of repeats) {
  t.test(`the same names again with ${name}: ${want}`, async (t) => {
    const request = { names: ['A', 'B'], unsubscribed: [], nonce, error: undefined };
    const { next, verdict } = onRequest(acked(['A', 'B']), request, isShared);
    t.equal(verdict.kind, want);
    t.equal(next.isRepeatOwed, want === 'repeat');
    t.same(sentNames(next), [], 'nothing before it is allowed');
    t.same(next.isRepeatOwed ? sentNames(onRepeat(next)) : [], want === 'repeat' ? ['A', 'B'] : []);
  });
}

const noRepeats = [
  { name: 'while a response is outstanding', sub: asked(['A'], '1'), request: { names: ['A'], nonce: '0' } },
  { name: 'with a complaint', sub: acked(['A']), request: { names: ['A'], nonce: '1', error: 'x' } },
  { name: 'as the first request', sub: NEW_SUBSCRIPTION.sotw, request: { names: ['A'], nonce: '1' } },
  { name: 'for nothing', sub: acked([]), request: { names: [], nonce: '1' } },
  { name: 'by delta', sub: asked(['A'], undefined, 'delta'), request: { names: ['A'], nonce: '' } },
];
for (const { name, sub, request } of noRepeats) {
  t.test(`the same names again ${name} are no repeated request`, async (t) => {
    const full = { unsubscribed: [], error: undefined, ...request };
    t.not(onRequest(sub, full, true).verdict.kind, 'repeat');
  });
}

t.test('a repeated request is answered by whatever is sent next, and its ACK leaves nothing due', async (t) => {
  const names = ['A', 'B'];
  const repeated = { names, unsubscribed: [], nonce: '1', error: undefined };
  const owed = onRequest(acked(names), repeated, true).next;
  const pushed = sent(owed, '2', storeOf({ A: 'certificate a2', B: 'certificate b' }));
  t.equal(pushed.isRepeatOwed, false, 'a push has all names in it');
  const answered = sent(onRepeat(owed), '2');
  t.equal(answered.isRepeatOwed, false);
  t.same(sentNames(said(answered, { names, nonce: '2' }).next), []);
});

t.test('a repeated request brings back no content that was refused, and none of another kind', async (t) => {
  const refused = said(sent(acked(['A']), '2', storeOf({ A: 'certificate bad' })), {
    names: ['A'],
    nonce: '2',
    error: 'no',
  }).next;
  t.same(sentNames(onRepeat(refused), storeOf({ A: 'certificate bad' })), []);
  t.same(sentNames(onRepeat(acked(['A'])), storeOf({ A: 'validation-context a' })), []);
});

t.test('a name dropped and asked for again while its response is on the way is sent again after the ACK', async (t) => {
  let sub = asked(['A', 'B'], '1');
  for (const names of [['A'], ['A', 'B']]) sub = said(sub, { names, nonce: 'old' }).next;
  t.same(sentNames(sub), []);
  sub = said(sub, { names: ['A', 'B'], nonce: '1' }).next;
  t.same(sentNames(sub), ['A', 'B']);
});

t.test('a secret that was away while another one changed is not sent again when it comes back unchanged', async (t) => {
  let sub = sent(acked(['A', 'B']), '2', storeOf({ A: 'certificate a2' }));
  sub = said(sub, { names: ['A', 'B'], nonce: '2' }).next;
  t.same(sentNames(sub, storeOf({ A: 'certificate a2', B: 'certificate b' })), []);
});

t.test('a refused secret goes along when another one changes, and the ACK does not speak for it', async (t) => {
  const names = ['A', 'B'];
  const good = acked(names);
  const bad = storeOf({ A: 'certificate a', B: 'certificate bad' });
  const refused = said(sent(good, '2', bad), { names, nonce: '2', error: 'no' }).next;
  t.same(sentNames(refused, bad), [], 'the NACK itself is not answered');
  const newA = storeOf({ A: 'certificate a2', B: 'certificate bad' });
  const sub = said(sent(refused, '3', newA), { names, nonce: '3' }).next;
  t.same(
    [...sub.applied.keys()].map((name) => stateOf(sub, name, newA.find(name)?.content)),
    ['applied', 'rejected'],
  );
  t.same(sentNames(sub, newA), []);
});

t.test(
  'of two of a kind that were refused together either may be the bad one: a change of one offers both',
  async (t) => {
    const sub = said(asked(['A', 'B'], '1'), { names: ['A', 'B'], nonce: '1', error: 'private key' }).next;
    const mended = storeOf({ A: 'certificate a2', B: 'certificate b' });
    const after = said(sent(onChanged(sub, ['A'], mended), '2', mended), { names: ['A', 'B'], nonce: '2' }).next;
    t.equal(stateOf(after, 'B', mended.find('B')?.content), 'applied');
  },
);

const PAIR = { default: 'certificate bad', ROOTCA: 'validation-context good' };
const lifts = [
  { own: 'ROOTCA', text: 'Failed to load private key from <inline>', changed: 'default', isLifted: true },
  { own: 'ROOTCA', text: 'Failed to load trusted CA certificates from <inline>', changed: 'default', isLifted: false },
  { own: 'default', text: 'Failed to load trusted CA certificates from <inline>', changed: 'ROOTCA', isLifted: true },
  { own: 'default', text: 'Failed to load certificate chain from <inline>', changed: 'ROOTCA', isLifted: false },
  { own: 'default', text: 'something else', changed: 'ROOTCA', isLifted: true },
  { own: 'default', text: 'something else', changed: 'default', isLifted: false },
] as const;
for (const { own, text, changed, isLifted } of lifts) {
  for (const order of ['after', 'before'] as const) {
    t.test(`"${text}" for ${own}: a change of ${changed} ${order} it ${isLifted ? 'cures' : 'does not'}`, async (t) => {
      const store = storeOf(PAIR);
      let sub = asked([own], '1', 'sotw', store);
      if (order === 'before') sub = onChanged(sub, [changed], store);
      sub = said(sub, { names: [own], nonce: '1', error: text }).next;
      if (order === 'after') sub = onChanged(sub, [changed], store);
      t.same(sentNames(sub, store), isLifted ? [own] : []);
      const again = said(sent(sub, '2', store), { names: [own], nonce: '2', error: text }).next;
      t.same(sentNames(again, store), [], 'once');
    });
  }
}

t.test('row 42: a name that was answered with one kind of secret is never answered with another', async (t) => {
  const swapped = storeOf({ A: 'validation-context a2', B: 'certificate b2' });
  t.same(sentNames(acked(['A']), swapped), []);
  t.same(sentNames(acked(['A', 'B']), swapped), ['B']);
  const late = onTime(asked(['A'], '1'), 30_000).next;
  t.same(sentNames(late, swapped), [], 'nor after one that is still on its way');
});

t.test('delta: one secret a response, each answered before the next', async (t) => {
  let sub = asked(['A', 'B', 'C'], '1', 'delta');
  t.same([...(sub.outstanding?.contents.keys() ?? [])], ['A']);
  sub = sent(said(sub, { nonce: '1' }).next, '2');
  t.same([...(sub.outstanding?.contents.keys() ?? [])], ['B']);
  t.same(sentNames(said(sub, { nonce: '2' }).next), []);
});

const deltaCases = [
  { name: 'an ACK', request: { nonce: '1' }, want: 'ack' },
  { name: 'a NACK', request: { nonce: '1', error: 'no' }, want: 'nack' },
  { name: 'a stale nonce', request: { nonce: 'old' }, want: 'stale' },
  { name: 'no nonce', request: {}, want: 'idle' },
] as const;
for (const { name, request, want } of deltaCases) {
  t.test(`row 28: delta: subscribe and unsubscribe are obeyed in a message with ${name}`, async (t) => {
    const step = said(asked(['A'], '1', 'delta'), { ...request, names: ['B'], unsubscribed: ['A'] });
    t.equal(step.verdict.kind, want);
    t.same(step.next.names, ['B']);
    const settled = want === 'ack' || want === 'nack' ? step.next : said(step.next, { nonce: '1' }).next;
    t.same(sentNames(settled), ['B']);
  });
}

t.test('row 27: delta: a name that is subscribed to again is sent again, after what is on its way', async (t) => {
  const once = said(asked(['A'], '1', 'delta'), { nonce: '1' }).next;
  t.same(sentNames(said(once, { names: ['A'] }).next), ['A']);
  const onTheWay = said(asked(['A'], '1', 'delta'), { names: ['A'] }).next;
  t.same(sentNames(onTheWay), []);
  t.same(sentNames(said(onTheWay, { nonce: '1' }).next), ['A']);
  t.same(sentNames(said(onTheWay, { nonce: '1', error: 'no' }).next), [], 'unless it was refused');
});

t.test('delta: a name in both lists of one message is wanted from then on', async (t) => {
  const sub = said(asked(['A'], '1', 'delta'), { nonce: '1' }).next;
  t.same(sentNames(said(sub, { names: ['A'], unsubscribed: ['A'] }).next), ['A']);
});

t.test('row 31: delta: an impossible name is told once, and is sent should it come all the same', async (t) => {
  const store = storeOf({}, ['A']);
  let sub = asked(['A', 'B'], '1', 'delta', store);
  t.same([...(sub.outstanding?.contents.keys() ?? [])], ['A']);
  for (const error of [undefined, 'no']) {
    const settled = said(sub, { nonce: '1', ...(error === undefined ? {} : { error }) }).next;
    t.equal(toSend(settled, store), undefined);
    t.same(sentNames(settled, STORE), ['A']);
  }
  sub = asked(['A'], undefined, 'sotw', store);
  t.equal(toSend(sub, store), undefined, 'state of the world has no words for it');
});

t.test('how a name stands', async (t) => {
  const content = STORE.find('A')?.content;
  const newer: Content = { version: 'a2', kind: 'certificate' };
  const refused = said(asked(['A'], '1'), { names: ['A'], nonce: '1', error: 'no' }).next;
  const standing = [
    stateOf(asked(['A']), 'A', content),
    stateOf(asked(['A'], '1'), 'A', content),
    stateOf(acked(['A']), 'A', content),
    stateOf(acked(['A']), 'A', newer),
    stateOf(acked(['A']), 'A', undefined),
    stateOf(refused, 'A', content),
    stateOf(refused, 'A', newer),
  ];
  t.same(standing, ['waiting', 'unanswered', 'applied', 'waiting', 'applied', 'rejected', 'waiting']);
});

t.test('time: fine until the deadline, late once, dead when that did not help either', async (t) => {
  const waiting = asked(['A'], '1');
  t.equal(onTime(NEW_SUBSCRIPTION.sotw, 1e12).verdict, 'fine');
  t.equal(onTime(waiting, 29_999).verdict, 'fine');
  const late = onTime(waiting, 30_000);
  t.equal(late.verdict, 'late');
  t.same(sentNames(late.next), [], 'what is on the way is not sent again');
  t.equal(onTime(late.next, 59_999).verdict, 'fine');
  t.equal(onTime(late.next, 60_000).verdict, 'dead');
});
