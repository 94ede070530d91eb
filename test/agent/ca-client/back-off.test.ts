import t from 'tap';
import { backOffMs } from '../../../src/agent/ca-client/back-off.js';

const cases = [
  { failures: 1, mostMs: 100 },
  { failures: 2, mostMs: 200 },
  { failures: 3, mostMs: 400 },
  { failures: 4, mostMs: 800 },
  { failures: 5, mostMs: 1000 },
  { failures: 60, mostMs: 1000 },
] as const;

for (const { failures, mostMs } of cases) {
  t.test(`after failure ${failures} the wait lies anywhere between nothing and ${mostMs} ms`, async (t) => {
    t.equal(backOffMs(failures, 0), 0);
    t.equal(backOffMs(failures, 0.5), mostMs / 2);
    t.ok(backOffMs(failures, 0.999_999) <= mostMs);
  });
}
