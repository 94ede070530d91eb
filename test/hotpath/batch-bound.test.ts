import t from 'tap';
import { BatchBound } from '../../src/hotpath/batch-bound.js';

/** Learns from batches of 100 items with these run times. */
function learned(...runsMs: number[]): BatchBound {
  const bound = new BatchBound();
  for (const runMs of runsMs) bound.learn('issue', 100, runMs);
  return bound;
}

const cases: { name: string; runsMs: number[]; want: number }[] = [
  { name: 'before the first answer it is small', runsMs: [], want: 16 },
  { name: 'as many as take 5 ms', runsMs: [10], want: 50 },
  { name: 'a quick machine gets no batches without end', runsMs: [0.1], want: 250 },
  { name: 'a clock that saw no time pass is no trouble', runsMs: [0], want: 250 },
  { name: 'what takes longer than 5 ms goes alone', runsMs: [2000], want: 1 },
  { name: 'a faster batch counts at once: the others were disturbed', runsMs: [400, 10], want: 50 },
  { name: 'one that was disturbed does not change much', runsMs: [10, 50], want: 25 },
  { name: 'a lasting change is followed', runsMs: [10, ...new Array<number>(30).fill(100)], want: 5 },
];
for (const { name, runsMs, want } of cases) {
  t.test(name, async (t) => t.equal(learned(...runsMs).of('issue'), want));
}

t.test('each operation learns for itself, and RSA keys go alone whatever was measured', async (t) => {
  const bound = learned(10);
  bound.learn('prepare-rsa', 1, 0.001);
  t.equal(bound.of('issue'), 50);
  t.equal(bound.of('prepare'), 16);
  t.equal(bound.of('prepare-rsa'), 1);
  t.equal(bound.of('prepare-rsa-first'), 1);
});
