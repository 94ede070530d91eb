import t from 'tap';
import { DeliveryByTime } from '../../../src/agent/identity/bundle-delivery.js';
import { SecretContent } from '../../../src/agent/identity/index.js';
import {
  afterAnswer,
  afterTime,
  nextEndMs,
  type Roots,
  servedRoots,
} from '../../../src/agent/identity/root-rotation.js';
import { CancelSource } from '../../../src/cancellation/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { TestCa } from '../../support/test-ca.js';

const NOW_MS = Date.now();
const HOUR_MS = 3600_000;
const LATER = { notAfterMs: NOW_MS + 1000 * HOUR_MS };
const [A, B] = ['a', 'b'].map((name) => TestCa.root(name, LATER).certificate) as [
  TestCa['certificate'],
  TestCa['certificate'],
];
const EXPIRY_MS = Date.parse(A.validTo) + 1;
const short = TestCa.root('short', { notAfterMs: NOW_MS + HOUR_MS / 2 }).certificate;

const names = new Map([
  [A, 'A'],
  [B, 'B'],
  [short, 'short'],
]);
const served = (roots: Roots): string =>
  servedRoots(roots)
    .map((root) => names.get(root))
    .join(' ');
const knowing = (...issued: TestCa['certificate'][]): Roots => ({ issued, retired: [] });
const answer = (...issued: TestCa['certificate'][]) => ({ issued, nowMs: NOW_MS, lastLeafEndMs: NOW_MS + HOUR_MS });

t.test('row 46: a root that the CA drops stays until the last leaf that it may have signed has ended', async (t) => {
  const roots = afterAnswer(knowing(A), answer(B));
  t.equal(served(roots), 'B A');
  t.equal(nextEndMs(roots, NOW_MS), NOW_MS + HOUR_MS);
  t.equal(served(afterTime(roots, NOW_MS + HOUR_MS - 1)), 'B A');
  t.equal(served(afterTime(roots, NOW_MS + HOUR_MS)), 'B');
  t.equal(nextEndMs(afterTime(roots, NOW_MS + HOUR_MS), NOW_MS), EXPIRY_MS, 'then when the last one expires');
});

t.test('row 46: a further answer does not make it stay longer', async (t) => {
  const later = { ...answer(B), lastLeafEndMs: NOW_MS + 2 * HOUR_MS };
  t.equal(nextEndMs(afterAnswer(afterAnswer(knowing(A), answer(B)), later), NOW_MS), NOW_MS + HOUR_MS);
});

t.test('row 46: a root that comes back is no longer one that was dropped', async (t) => {
  const roots = afterAnswer(afterAnswer(knowing(A), answer(B)), answer(B, A));
  t.equal(served(roots), 'B A');
  t.equal(nextEndMs(roots, NOW_MS), EXPIRY_MS);
});

t.test('a root that ends by itself goes then', async (t) => {
  const roots = afterAnswer(knowing(short), answer(B));
  t.equal(nextEndMs(roots, NOW_MS), Date.parse(short.validTo) + 1);
  t.equal(served(afterTime(roots, Date.parse(short.validTo) + 1)), 'B');
});

t.test('a root of the CA that expires goes then, but never the last ones', async (t) => {
  const roots = knowing(short, A);
  const endMs = Date.parse(short.validTo) + 1;
  t.equal(nextEndMs(roots, NOW_MS), endMs);
  t.equal(served(afterTime(roots, endMs - 1)), 'short A');
  t.equal(served(afterTime(roots, endMs)), 'A');
  t.equal(served(afterTime(knowing(short), endMs)), 'short', 'a bundle is never empty');
  t.equal(nextEndMs(afterTime(knowing(short), endMs), endMs), undefined, 'and nothing is planned for it');
  t.equal(served(afterTime(roots, EXPIRY_MS)), 'short A');
});

t.test('a CA with another root in each answer makes no bundle without end', async (t) => {
  let roots = knowing(A);
  for (let count = 0; count < 20; count += 1)
    roots = afterAnswer(roots, answer(TestCa.root(`${count}`, LATER).certificate));
  t.equal(servedRoots(roots).length, 9);
});

t.test('where nobody knows of streams, the time passes, or the wait is ended', async (t) => {
  const clock = new FakeClock();
  const timers = new WallClockTimers(clock);
  const delivery = new DeliveryByTime(timers, clock.now);
  const content = new SecretContent('validation-context', Buffer.alloc(0));
  const ended = new CancelSource();
  const outcomes: string[] = [];
  const passed = delivery.delivered(content, { timeoutMs: 5000, signal: new CancelSource() });
  const cancelled = delivery.delivered(content, { timeoutMs: 5000, signal: ended });
  void passed.then(() => outcomes.push('passed'));
  void cancelled.then(() => outcomes.push('cancelled'));
  ended.cancel();
  await cancelled;
  clock.advance(4999);
  await new Promise(setImmediate);
  t.same(outcomes, ['cancelled']);
  clock.advance(1);
  await passed;
  timers.close();
});
