import t from 'tap';
import { BatchQueue, laneOf } from '../../src/hotpath/batch-queue.js';
import type { Job } from '../../src/hotpath/job.js';
import type { KeyType } from '../../src/pki/x509/index.js';

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
const many = (count: number, make: () => Job = key): Job[] => Array.from({ length: count }, make);
const rsa = (): Job => key('rsa-2048');
const firstRsa = (): Job => ({ ...rsa(), isFirst: true });

const bound = (lane: string): number => (lane.startsWith('prepare-rsa') ? 1 : 32);

const cases: { name: string; jobs: Job[]; freeThreads: number; want: string }[] = [
  { name: 'a lone job goes alone', jobs: [key()], freeThreads: 2, want: 'prepare 1' },
  {
    name: 'what waits is shared among the free threads',
    jobs: many(20),
    freeThreads: 2,
    want: 'prepare 10, prepare 10',
  },
  {
    name: 'one operation that alternates with another still makes one batch',
    jobs: [key(), seal(), key(), seal()],
    freeThreads: 1,
    want: 'prepare 2, seal 2',
  },
  { name: 'a batch has an end', jobs: many(70), freeThreads: 1, want: 'prepare 32, prepare 32, prepare 6' },
  {
    name: 'lanes take turns, so nobody waits for all of another operation',
    jobs: [...many(70), ...many(40, seal)],
    freeThreads: 1,
    want: 'prepare 32, seal 32, prepare 32, seal 8, prepare 6',
  },
  {
    name: 'RSA keys go one by one, and quick work between them',
    jobs: [...many(3, rsa), ...many(40), seal()],
    freeThreads: 1,
    want: 'prepare-rsa 1, prepare 32, seal 1, prepare-rsa 1, prepare 8, prepare-rsa 1',
  },
  {
    name: 'RSA keys that workloads need to start take turns with the others, in whatever order they came',
    jobs: [...many(5, rsa), ...many(2, firstRsa), seal()],
    freeThreads: 1,
    want: 'prepare-rsa 1, prepare-rsa-first 1, seal 1, prepare-rsa 1, prepare-rsa-first 1, prepare-rsa 1, prepare-rsa 1, prepare-rsa 1',
  },
  { name: 'an empty queue has nothing', jobs: [], freeThreads: 1, want: '' },
];
for (const { name, jobs, freeThreads, want } of cases) {
  t.test(name, async (t) => {
    const queue = new BatchQueue(bound);
    for (const job of jobs) queue.push(job);
    const batches: Job[][] = [];
    let threads = freeThreads;
    for (let batch = queue.take(threads); batch.length > 0; batch = queue.take(threads)) {
      batches.push(batch);
      threads = Math.max(1, threads - 1);
    }
    t.equal(batches.map(spelled).join(', '), want);
    t.strictSame(batches.flat().filter(isKey), jobs.filter(isKey), 'each operation in its order');
    t.equal(new Set(batches.flat()).size, jobs.length, 'and all of them');
    t.equal(queue.length, 0);
  });
}

function spelled(batch: Job[]): string {
  const [first] = batch;
  return `${first && laneOf(first)} ${batch.length}`;
}

function isKey(job: Job): boolean {
  return job.op === 'prepare' && !isRsa(job);
}

function isRsa({ item }: Job): boolean {
  return 'keyType' in item && item.keyType === 'rsa-2048';
}

t.test('a job can be taken out while it waits, and only once', async (t) => {
  const queue = new BatchQueue(bound);
  const [first, second, other] = [key(), key(), seal()];
  for (const job of [first, second, other]) queue.push(job);
  t.ok(queue.remove(first));
  t.notOk(queue.remove(first));
  t.ok(queue.remove(other), 'also the last of its lane');
  t.equal(queue.length, 1);
  t.same(queue.clear(), [second]);
  t.equal(queue.length, 0);
  t.same(queue.take(1), []);
});
