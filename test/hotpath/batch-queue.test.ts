import t from 'tap';
import { BatchQueue, type Job } from '../../src/hotpath/batch-queue.js';
import type { KeyType } from '../../src/hotpath/index.js';

const nobody = { resolve() {}, reject() {} };
const key = (keyType: KeyType = 'ec-p256'): Job => ({
  op: 'prepare',
  item: { spiffeId: 'spiffe://td/a', keyType },
  ...nobody,
});
const seal = (): Job => {
  const none = Buffer.alloc(0);
  const item = { privateKey: none, chainPem: none, bundlePem: none, spiffeId: '', nowMs: 0, minLifeMs: 0 };
  return { op: 'seal', item, ...nobody };
};

const cases: { name: string; jobs: Job[]; freeThreads: number; want: number[] }[] = [
  { name: 'a lone job goes alone', jobs: [key()], freeThreads: 2, want: [1] },
  { name: 'what waits is shared among the free threads', jobs: [key(), key(), key()], freeThreads: 2, want: [2, 1] },
  { name: 'a batch has one operation', jobs: [key(), key(), seal(), key()], freeThreads: 1, want: [2, 1, 1] },
  { name: 'a batch has an end', jobs: Array.from({ length: 70 }, () => key()), freeThreads: 1, want: [32, 32, 6] },
  { name: 'RSA keys go one by one', jobs: [key('rsa-2048'), key('rsa-4096'), key()], freeThreads: 1, want: [1, 1, 1] },
  {
    name: 'an RSA key does not join others',
    jobs: [key(), key('ec-p384'), key('rsa-2048')],
    freeThreads: 1,
    want: [2, 1],
  },
  { name: 'an empty queue has nothing', jobs: [], freeThreads: 1, want: [] },
];
for (const { name, jobs, freeThreads, want } of cases) {
  t.test(name, async (t) => {
    const queue = new BatchQueue();
    for (const job of jobs) queue.push(job);
    const batches: Job[][] = [];
    for (let batch = queue.take(freeThreads); batch.length > 0; batch = queue.take(freeThreads)) batches.push(batch);
    t.same(
      batches.map(({ length }) => length),
      want,
    );
    t.strictSame(batches.flat(), jobs, 'in their order');
    t.equal(queue.length, 0);
  });
}

t.test('a job can be taken out while it waits, and only once', async (t) => {
  const queue = new BatchQueue();
  const [first, second] = [key(), key()];
  queue.push(first);
  queue.push(second);
  t.ok(queue.remove(first));
  t.notOk(queue.remove(first));
  t.same(queue.clear(), [second]);
  t.equal(queue.length, 0);
});
