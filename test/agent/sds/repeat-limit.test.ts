import t from 'tap';
import { RepeatLimit } from '../../../src/agent/sds/repeat-limit.js';

const NOW_MS = 1_800_000_000_000;

/** How many of `count` are allowed at this time. */
function allowed(limit: RepeatLimit, count: number, nowMs: number): number {
  return Array.from({ length: count }, () => limit.take(nowMs)).filter(Boolean).length;
}

t.test('four at once, and then one a second', async (t) => {
  const limit = new RepeatLimit();
  t.equal(allowed(limit, 100, NOW_MS), 4);
  t.equal(allowed(limit, 100, NOW_MS + 999), 0);
  t.equal(allowed(limit, 100, NOW_MS + 1000), 1);
  t.equal(allowed(limit, 100, NOW_MS + 3000), 2);
  t.equal(allowed(limit, 100, NOW_MS + 3_600_000), 4);
});

t.test('a clock that is set back does not end it', async (t) => {
  const limit = new RepeatLimit();
  allowed(limit, 4, NOW_MS);
  t.equal(allowed(limit, 100, NOW_MS - 3_600_000), 0);
  t.equal(allowed(limit, 100, NOW_MS - 3_600_000 + 1000), 1);
});
