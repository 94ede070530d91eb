import { availableParallelism } from 'node:os';
import t from 'tap';
import { residentThreads } from '../../src/hotpath/index.js';

for (const [cores, threads] of [
  [1, 1],
  [2, 1],
  [3, 2],
  [64, 63],
] as const) {
  t.test(`${cores} cores are worth ${threads} threads`, async (t) => t.equal(residentThreads(cores), threads));
}

t.test('the cores are those that this process may use', async (t) =>
  t.equal(residentThreads(), residentThreads(availableParallelism())),
);
