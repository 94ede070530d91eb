import t from 'tap';
import { NEW_SUBSCRIPTION, onRequest, onSent, onTime, type Subscription, toSend } from '../../src/sds/subscription.js';
import { textSecret } from '../support/fake-secret-source.js';

const SECRETS = new Map([
  ['A', textSecret('a')],
  ['B', textSecret('b')],
]);
const secretOf = (name: string) => SECRETS.get(name);

/** A stream that has asked for `names`; with `nonce`, everything available has been sent under it. */
function asked(names: readonly string[], nonce?: string): Subscription {
  const sub = onRequest(NEW_SUBSCRIPTION, { names, nonce: '', error: undefined }).next;
  return nonce === undefined ? sub : onSent(sub, { nonce, secrets: toSend(sub, secretOf), nowMs: 0 });
}

function acked(names: readonly string[]): Subscription {
  return onRequest(asked(names, '1'), { names, nonce: '1', error: undefined }).next;
}

const sentNames = (sub: Subscription) => toSend(sub, secretOf).map(({ name }) => name);

const cases = [
  { name: 'first request', sub: NEW_SUBSCRIPTION, request: { names: ['A'] }, want: 'initial', sends: ['A'] },
  {
    name: 'first request with an old nonce',
    sub: NEW_SUBSCRIPTION,
    request: { names: ['A'], nonce: '7' },
    want: 'initial',
    sends: ['A'],
  },
  {
    name: 'first request with an error',
    sub: NEW_SUBSCRIPTION,
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
  { name: 'no nonce, nothing outstanding', sub: acked(['A']), request: { names: ['A'] }, want: 'idle', sends: ['A'] },
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
    const step = onRequest(sub, { nonce: '', error: undefined, ...request });
    t.equal(step.verdict.kind, want);
    t.same(sentNames(step.next), sends);
  });
}

t.test('a name dropped and asked for again while its response is on the way is sent again after the ACK', async (t) => {
  let sub = asked(['A', 'B'], '1');
  for (const names of [['A'], ['A', 'B']]) sub = onRequest(sub, { names, nonce: 'old', error: undefined }).next;
  t.same(sentNames(sub), []);
  sub = onRequest(sub, { names: ['A', 'B'], nonce: '1', error: undefined }).next;
  t.same(sentNames(sub), ['A', 'B']);
});

t.test('a secret that was away while another one changed is not sent again when it comes back unchanged', async (t) => {
  const onlyNewA = (name: string) => (name === 'A' ? textSecret('a2') : undefined);
  let sub = acked(['A', 'B']);
  sub = onSent(sub, { nonce: '2', secrets: toSend(sub, onlyNewA), nowMs: 0 });
  sub = onRequest(sub, { names: ['A', 'B'], nonce: '2', error: undefined }).next;
  t.same(
    toSend(sub, (name) => onlyNewA(name) ?? secretOf(name)),
    [],
  );
});

t.test('time: fine until the deadline, late once, dead when that did not help either', async (t) => {
  const sent = asked(['A'], '1');
  t.equal(onTime(NEW_SUBSCRIPTION, 1e12).verdict, 'fine');
  t.equal(onTime(sent, 29_999).verdict, 'fine');
  const late = onTime(sent, 30_000);
  t.equal(late.verdict, 'late');
  t.same(sentNames(late.next), [], 'what is on the way is not sent again');
  t.equal(onTime(late.next, 59_999).verdict, 'fine');
  t.equal(onTime(late.next, 60_000).verdict, 'dead');
});
