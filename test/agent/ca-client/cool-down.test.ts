import t from 'tap';
import { type CoolDown, coolDownAfter, isCooling } from '../../../src/agent/ca-client/cool-down.js';

const NOW = Date.parse('2026-11-30T12:00:00Z');

function lengths(draw: number, retryAfterMs = 0): number[] {
  let coolDown: CoolDown | undefined;
  return Array.from({ length: 8 }, () => {
    coolDown = coolDownAfter(coolDown, { nowMs: NOW, draw, retryAfterMs });
    return coolDown.lengthMs / 1000;
  });
}

t.test(
  'a cool-down is twice as long each time, five minutes at most, and up to a half shorter by jitter',
  async (t) => {
    t.strictSame(lengths(0), [10, 20, 40, 80, 160, 300, 300, 300]);
    t.strictSame(lengths(0.5), [7.5, 15, 30, 60, 120, 225, 225, 225]);
  },
);

t.test('it is never shorter than the CA wants', async (t) => {
  t.strictSame(lengths(0, 60_000), [60, 60, 60, 80, 160, 300, 300, 300]);
});

t.test('it is over at its end, or when the clock has been moved by as much in either direction', async (t) => {
  const coolDown = coolDownAfter(undefined, { nowMs: NOW, draw: 0, retryAfterMs: 0 });
  t.equal(isCooling(undefined, NOW), false);
  t.equal(isCooling(coolDown, NOW), true);
  t.equal(isCooling(coolDown, NOW + 9_999), true);
  t.equal(isCooling(coolDown, NOW + 10_000), false);
  t.equal(isCooling(coolDown, NOW - 10_000), false);
});
