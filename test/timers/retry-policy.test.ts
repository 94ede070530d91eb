import t from 'tap';
import { attemptTimeoutMs, type FailedTry, retryDelayMs } from '../../src/timers/index.js';

const DAY_MS = 24 * 3600 * 1000;
const MINUTE_MS = 60_000;

interface Case {
  readonly name: string;
  readonly failed: Omit<FailedTry, 'failures'>;
  /** The longest waits behind the 1st, 2nd, 3rd, 4th and 1000th failure in a row. */
  readonly longest: readonly number[];
}

const cases: readonly Case[] = [
  {
    name: 'a CA that is away, with time left, is asked each half a minute at last',
    failed: { kind: 'away', remainingMs: DAY_MS },
    longest: [100, 200, 400, 800, 30_000],
  },
  {
    name: 'in the last minute of a life it is asked ten times',
    failed: { kind: 'away', remainingMs: MINUTE_MS },
    longest: [100, 200, 400, 800, 6000],
  },
  {
    name: 'without a valid SVID it is asked each second',
    failed: { kind: 'away', remainingMs: 0 },
    longest: [100, 200, 400, 800, 1000],
  },
  {
    name: 'a CA that has too much to do is asked each half a minute at last when there is nothing to lose',
    failed: { kind: 'overloaded', remainingMs: 0 },
    longest: [100, 200, 400, 800, 30_000],
  },
  {
    name: 'it is asked ten times in the last minute of a life',
    failed: { kind: 'overloaded', remainingMs: MINUTE_MS },
    longest: [100, 200, 400, 800, 6000],
  },
  {
    name: 'and each second on average in the last moments',
    failed: { kind: 'overloaded', remainingMs: 5000 },
    longest: [100, 200, 400, 800, 2000],
  },
  {
    name: 'a refusal is repeated more often towards the end of a life',
    failed: { kind: 'refused', remainingMs: MINUTE_MS },
    longest: [1000, 2000, 4000, 6000, 6000],
  },
  {
    name: 'by a crowd fifty times a second in all',
    failed: { kind: 'refused', remainingMs: 10 * MINUTE_MS, crowd: 2000 },
    longest: [1000, 2000, 4000, 8000, 80_000],
  },
  {
    name: 'and no pod of it waits for more than half of what is left of its life',
    failed: { kind: 'refused', remainingMs: MINUTE_MS, crowd: 2000 },
    longest: [1000, 2000, 4000, 8000, 30_000],
  },
  {
    name: 'by a crowd five hundred times a second in all, whatever life is left',
    failed: { kind: 'refused', remainingMs: 1000, crowd: 2000 },
    longest: [1000, 2000, 4000, 8000, 8000],
  },
  {
    name: 'a refusal is not repeated within moments when there is nothing to lose',
    failed: { kind: 'refused', remainingMs: 0 },
    longest: [1000, 2000, 4000, 8000, 30_000],
  },
  {
    name: 'a hundred pods that are refused ask ten times a second in all, as they do anyway',
    failed: { kind: 'refused', remainingMs: 0, crowd: 100 },
    longest: [1000, 2000, 4000, 8000, 30_000],
  },
  {
    name: 'five hundred pods wait longer for that',
    failed: { kind: 'refused', remainingMs: 0, crowd: 500 },
    longest: [1000, 2000, 4000, 8000, 100_000],
  },
  {
    name: 'no crowd waits longer than five minutes',
    failed: { kind: 'refused', remainingMs: DAY_MS, crowd: 8192 },
    longest: [1000, 2000, 4000, 8000, 300_000],
  },
  {
    name: 'a crowd without its CA does not wait longer than one of it',
    failed: { kind: 'away', remainingMs: 0, crowd: 8192 },
    longest: [100, 200, 400, 800, 1000],
  },
  {
    name: 'what a CA asks for comes before the jitter',
    failed: { kind: 'overloaded', remainingMs: 0, notSoonerMs: 10_000 },
    longest: [10_100, 10_200, 10_400, 10_800, 40_000],
  },
  {
    name: 'nobody is silenced for longer than five minutes',
    failed: { kind: 'refused', remainingMs: 0, notSoonerMs: Number.MAX_VALUE },
    longest: [301_000, 302_000, 304_000, 308_000, 330_000],
  },
];

for (const { name, failed, longest } of cases) {
  t.test(name, async (t) => {
    t.strictSame(
      [0, 1, 2, 3, 999].map((failures) => retryDelayMs({ ...failed, failures }, 1)),
      longest,
    );
  });
}

t.test('an attempt takes an eighth of what is left of a life, and no less than two seconds', async (t) => {
  t.equal(attemptTimeoutMs(DAY_MS), DAY_MS / 8);
  t.equal(attemptTimeoutMs(MINUTE_MS), 7500);
  t.equal(attemptTimeoutMs(10_000), 2000);
  for (const remainingMs of [0, -1, Number.NaN]) t.equal(attemptTimeoutMs(remainingMs), undefined);
});

t.test('the jitter is full: any delay from nothing to the cap', async (t) => {
  const failed = { kind: 'away', failures: 5, remainingMs: DAY_MS } as const;
  t.equal(retryDelayMs(failed, 0), 0);
  t.equal(retryDelayMs(failed, 0.5), 1600);
  t.equal(retryDelayMs({ ...failed, notSoonerMs: 500 }, 0), 500);
});

t.test('row 49: an hour of refusals costs at most a few requests a minute', async (t) => {
  let requests = 0;
  for (let passedMs = 0; passedMs < 3600_000; requests += 1) {
    passedMs += retryDelayMs({ kind: 'refused', failures: requests, remainingMs: 0 }, (requests % 10) / 10 + 0.05);
  }
  t.ok(requests < 260, `${requests} requests`);
});
