import t from 'tap';
import { RetrySlots } from '../../../src/citadel/issuance/retry-slots.js';

/** As the code has them. */
const WINDOW_MS = 500;
const MAX_DELAY_MS = 15_000;

t.test('callers that are refused at once come back one behind the other, none sooner than in 100 ms', async (t) => {
  const slots = new RetrySlots(() => 0);
  const delays = Array.from({ length: 1601 }, () => slots.delayMs(1000));
  t.equal(delays[0], 100);
  t.same(
    delays,
    [...delays].sort((a, b) => a - b),
  );
  t.equal(delays[1600], 1100, 'at four fifths of 2 000 a second as long as nothing was counted');
});

t.test('moments are told in steps of 10 ms, so that what thousands are told is the same', async (t) => {
  const slots = new RetrySlots(() => 0.1234);
  const delays = Array.from({ length: 40_000 }, () => [slots.delayMs(0), slots.shareDelayMs(0)]).flat();
  t.ok(delays.every((ms) => ms % 10 === 0));
  t.ok(new Set(delays).size < 1600);
});

t.test('those who come later stand behind those who were told before, until these have had their time', async (t) => {
  const slots = new RetrySlots(() => 0);
  for (let each = 0; each < 1600; each += 1) slots.delayMs(0);
  t.equal(slots.delayMs(200), 900);
  t.equal(slots.delayMs(10_000), 100);
});

t.test('the line moves as fast as certificates go out while callers are refused', async (t) => {
  const slots = new RetrySlots(() => 0);
  let nowMs = 0;
  slots.delayMs(nowMs);
  for (let window = 0; window < 12; window += 1) {
    for (let each = 0; each < 2000; each += 1) slots.issued(nowMs);
    nowMs += WINDOW_MS;
    slots.delayMs(nowMs);
  }
  nowMs += 60_000;
  const delays = Array.from({ length: 3201 }, () => slots.delayMs(nowMs));
  t.ok(Math.abs((delays[3200] ?? 0) - 1100) <= 10, `3 200 of some 4 000 a second: ${delays[3200]} ms`);
});

t.test('a rate without refusals is that of the callers, and is not learned', async (t) => {
  const slots = new RetrySlots(() => 0);
  for (let nowMs = 0; nowMs < 20_000; nowMs += 100) slots.issued(nowMs);
  const delays = Array.from({ length: 1601 }, () => slots.delayMs(30_000));
  t.equal(delays[1600], 1100);
});

t.test('a line that is too long ends in a spread over half of the longest wait', async (t) => {
  let draw = 0;
  const slots = new RetrySlots(() => {
    draw = (draw + 0.37) % 1;
    return draw;
  });
  const delays = Array.from({ length: 40_000 }, () => slots.delayMs(0));
  t.ok(delays.every((ms) => ms <= MAX_DELAY_MS));
  const late = delays.slice(-10_000);
  t.ok(late.every((ms) => ms >= MAX_DELAY_MS / 2));
  const firstHalf = late.filter((ms) => ms < MAX_DELAY_MS * 0.75).length;
  t.ok(firstHalf > 4000 && firstHalf < 6000);
  t.equal(slots.delayMs(MAX_DELAY_MS), 100, 'who was spread has not made the line longer');
});

t.test('a caller that has its share comes back within the line, and does not make it longer', async (t) => {
  const slots = new RetrySlots(() => 0);
  const delays = Array.from({ length: 40_000 }, () => slots.shareDelayMs(0));
  t.same([...new Set(delays)], [500]);
  t.equal(slots.delayMs(0), 100);
  for (let each = 0; each < 16_000; each += 1) slots.delayMs(0);
  t.ok(Math.abs(slots.shareDelayMs(0) - 5050) <= 10);
});

t.test('a line whose callers do not come is forgotten; one whose callers come stays', async (t) => {
  const slots = new RetrySlots(() => 0);
  for (let each = 0; each < 8000; each += 1) slots.delayMs(0);
  for (let nowMs = 200; nowMs <= 1000; nowMs += 200) slots.issued(nowMs);
  t.equal(slots.delayMs(1200), 3900);
  t.equal(slots.delayMs(1500), 100);
});

t.test('a line behind a slow key stays, though its callers come far apart', async (t) => {
  const slots = new RetrySlots(() => 0);
  let nowMs = 0;
  for (let each = 0; each < 60; each += 1) {
    nowMs += 350;
    slots.issued(nowMs);
    slots.delayMs(nowMs);
  }
  nowMs += 60_000;
  const [first, second = 0] = [slots.delayMs(nowMs), slots.delayMs(nowMs)];
  t.equal(first, 100);
  t.ok(second > 400, `some three a second: ${second} ms`);
  nowMs += 350;
  const third = slots.delayMs(nowMs);
  t.ok(third > second - 350, `behind them: ${third} ms`);
});
