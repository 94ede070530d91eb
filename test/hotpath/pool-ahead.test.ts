import { readdir, readFile } from 'node:fs/promises';
import { constants, getPriority, setPriority } from 'node:os';
import type { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { CancelSource } from '../../src/cancellation/index.js';
import type { HotPath, PooledHotPathOptions } from '../../src/hotpath/index.js';
import { createPooledHotPath } from '../../src/hotpath/pool.js';
import { Metric, MetricRegistry } from '../../src/telemetry/index.js';
import { IMPLEMENTATIONS } from './implementations.js';
import { openssl, rejectionCode, SLEEP } from './pki.js';

const P256 = { spiffeId: SLEEP, keyType: 'ec-p256' } as const;
const RSA = { spiffeId: SLEEP, keyType: 'rsa-2048' } as const;
const HANG = { ...RSA, spiffeId: 'spiffe://cluster.local/hang' };
const faulty = { workerUrl: new URL('./faulty-worker.js', import.meta.url) };

function pool(t: Test, changes: Partial<PooledHotPathOptions> = {}): HotPath {
  const threads = { min: 0, max: 1 };
  const hotPath = createPooledHotPath({
    ...{ threads, idleTimeoutMs: 60_000, maxQueue: 10, taskTimeoutMs: 60_000 },
    ...changes,
  });
  t.teardown(() => hotPath.close());
  return hotPath;
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

for (const { kind } of IMPLEMENTATIONS) {
  t.test(`${kind}: a key made ahead is as good as any other`, async (t) => {
    const { csrPem } = await pool(t, { kind }).prepare(RSA, { isAhead: true });
    t.match(openssl(['req', '-verify', '-text', '-noout'], csrPem), SLEEP);
  });

  t.test(`${kind}: a key that is being made ahead keeps nobody waiting`, async (t) => {
    const hotPath = pool(t, { ...faulty, kind });
    const ahead = rejectionCode(hotPath.prepare(HANG, { isAhead: true }));
    await turn();
    t.ok(await hotPath.prepare(P256), 'in the only thread there is for what is needed');
    await hotPath.close();
    t.equal(await ahead, 'ERR_HOTPATH_CLOSED');
  });
}

t.test('keys ahead wait in a line of their own, and can be given up there', async (t) => {
  const metrics = new MetricRegistry();
  const hotPath = pool(t, { ...faulty, metrics, maxQueue: 0 });
  const giveUp = new CancelSource();
  const running = rejectionCode(hotPath.prepare(HANG, { isAhead: true }));
  await turn();
  const waiting = rejectionCode(hotPath.prepare(RSA, { isAhead: true, signal: giveUp }));
  t.equal(metrics.gauge(Metric.hotPathQueueLength, { queue: 'ahead' }).value, 1);
  t.equal(metrics.gauge(Metric.hotPathQueueLength, { queue: 'needed' }).value, 0);
  giveUp.cancel();
  t.equal(await waiting, 'ERR_CANCELLED');
  await hotPath.close();
  t.equal(await running, 'ERR_HOTPATH_CLOSED');
  t.equal(await rejectionCode(hotPath.prepare(RSA, { isAhead: true })), 'ERR_HOTPATH_CLOSED');
});

t.test('the thread for keys ahead is there only while there are any to make', async (t) => {
  const threads: Worker[] = [];
  const onWorker = (worker: Worker) => threads.push(worker);
  process.on('worker', onWorker);
  t.teardown(() => process.off('worker', onWorker));
  const hotPath = pool(t);
  await hotPath.prepare(P256);
  t.equal(threads.length, 1);
  await hotPath.prepare(RSA, { isAhead: true });
  t.equal(threads.length, 2);
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => clearInterval(alive));
  const [, ofKeysAhead] = threads;
  await new Promise((resolve) => (ofKeysAhead?.threadId === -1 ? resolve(0) : ofKeysAhead?.once('exit', resolve)));
  t.ok(await hotPath.prepare(P256));
  t.equal(threads.length, 2, 'while the other one stays as long as it should');
});

/** The nice values of all threads of this process, as Linux tells them. (proc(5), field 19) */
async function niceValues(): Promise<string[]> {
  const tasks = await readdir('/proc/self/task');
  const stats = await Promise.all(
    tasks.map((task) => readFile(`/proc/self/task/${task}/stat`, 'utf8').catch(() => '')),
  );
  return stats.map((stat) => stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16] ?? '');
}

const NICEST = constants.priority.PRIORITY_LOW;

const notLinux = process.platform !== 'linux' && 'threads have a priority of their own on Linux only';
for (const nicer of [0, 5]) {
  const name = `the system runs the thread for keys ahead after all others, in a process nicer by ${nicer} too`;
  t.test(name, { skip: notLinux }, async (t) => {
    setPriority(Math.min(getPriority() + nicer, NICEST));
    const before = await niceValues();
    const hotPath = pool(t);
    await hotPath.prepare(P256);
    await hotPath.prepare(RSA, { isAhead: true });
    const behind = `${Math.min(getPriority() + 10, NICEST)}`;
    const isBehind = (nice: string): boolean => nice === behind;
    const after = await niceValues();
    // In a process that is as nice as can be the other new thread is no less nice.
    const expected = behind === `${getPriority()}` ? 2 : 1;
    t.equal(after.filter(isBehind).length - before.filter(isBehind).length, expected);
  });
}
