import t, { type Test } from 'tap';
import { CancelSource } from '../../src/cancellation/index.js';
import type { CallOptions, HotPath, PooledHotPathOptions } from '../../src/hotpath/index.js';
import { createPooledHotPath } from '../../src/hotpath/pool.js';
import { Metric, MetricRegistry } from '../../src/telemetry/index.js';
import { CountingSource, cancelledSignal } from '../support/cancel-signals.js';
import { collectWarnings } from '../support/process-warnings.js';
import { IMPLEMENTATIONS } from './implementations.js';
import { rejectionCode, SLEEP } from './pki.js';

const P256 = { spiffeId: SLEEP, keyType: 'ec-p256' } as const;
const HANG = { ...P256, spiffeId: 'spiffe://cluster.local/hang' };

const NONE = Buffer.alloc(0);
const NO_PROOF = { privateKey: NONE, chainPem: NONE, bundlePem: NONE, spiffeId: SLEEP, nowMs: 0, minLifeMs: 0 };
const faulty = { workerUrl: new URL('./faulty-worker.js', import.meta.url) };

interface Observed {
  readonly hotPath: HotPath;
  readonly metrics: MetricRegistry;
}

/** A pool of one thread, unless `changes` say otherwise, and what it counts. */
function pool(t: Test, changes: Partial<PooledHotPathOptions> = {}): Observed {
  const metrics = new MetricRegistry();
  const hotPath = createPooledHotPath({
    threads: { min: 0, max: 1 },
    idleTimeoutMs: 60_000,
    maxQueue: 3000,
    taskTimeoutMs: 60_000,
    metrics,
    ...changes,
  });
  t.teardown(() => hotPath.close());
  return { hotPath, metrics };
}

/** One turn of the event loop: what was asked for before it has been handed to a thread by now. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

const needed = { queue: 'needed' };
const prepareLabels = { ...needed, operation: 'prepare' };
const batchesOf = ({ metrics }: Observed) => metrics.histogram(Metric.hotPathBatchSize, prepareLabels);
const queueLengthOf = ({ metrics }: Observed) => metrics.gauge(Metric.hotPathQueueLength, needed).value;
const cancelledOf = ({ metrics }: Observed) => metrics.counter(Metric.hotPathCancelled, needed).value;

for (const { kind } of IMPLEMENTATIONS) {
  t.test(`${kind}: what is asked for in one turn travels as one batch for each free thread`, async (t) => {
    const observed = pool(t, { kind, threads: { min: 0, max: 2 } });
    await Promise.all(times(20, () => observed.hotPath.prepare(P256)));
    t.equal(batchesOf(observed).count, 2);
    t.equal(batchesOf(observed).sum, 20);
  });

  t.test(`${kind}: a proof does not wait for all the keys that were asked for before it`, async (t) => {
    const { hotPath } = pool(t, { kind });
    const order: string[] = [];
    const keys = times(200, () => hotPath.prepare(P256).then(() => order.push('key')));
    const proof = rejectionCode(hotPath.seal(NO_PROOF)).then((code) => order.push(code));
    await Promise.all([...keys, proof]);
    t.equal(order.length, 201);
    t.equal(order.at(-1), 'key');
    t.ok(order.includes('ERR_SVID_MALFORMED'));
  });

  t.test(`${kind}: what is taken back while it waits never runs`, async (t) => {
    const observed = pool(t, { kind });
    const giveUp = new CancelSource();
    const options: CallOptions = { signal: giveUp };
    const running = times(3, () => observed.hotPath.prepare(P256, options));
    await turn();
    const waiting = times(1000, () => rejectionCode(observed.hotPath.prepare(P256, options)));
    t.equal(queueLengthOf(observed), 1000);
    giveUp.cancel();
    t.equal(queueLengthOf(observed), 0, 'at once, not when its turn comes');
    t.same(new Set(await Promise.all(waiting)), new Set(['ERR_CANCELLED']));
    t.equal((await Promise.all(running)).length, 3, 'what a thread has already is answered');
    t.ok(await observed.hotPath.prepare(P256));
    t.equal(batchesOf(observed).sum, 4);
    t.equal(cancelledOf(observed), 1000);
  });
}

t.test('what is taken back before it is asked for never waits', async (t) => {
  const observed = pool(t);
  const code = await rejectionCode(observed.hotPath.prepare(P256, { signal: cancelledSignal() }));
  t.equal(code, 'ERR_CANCELLED');
  t.equal(cancelledOf(observed), 1);
  t.equal(batchesOf(observed).count, 0);
});

t.test('room in a full queue is free again for others as soon as somebody gives up', async (t) => {
  const { hotPath } = pool(t, { maxQueue: 1 });
  const giveUp = new CancelSource();
  const running = hotPath.prepare(P256);
  await turn();
  const waiting = rejectionCode(hotPath.prepare(P256, { signal: giveUp }));
  t.equal(await rejectionCode(hotPath.prepare(P256)), 'ERR_HOTPATH_OVERLOADED');
  giveUp.cancel();
  t.ok(await hotPath.prepare(P256));
  t.equal(await waiting, 'ERR_CANCELLED');
  t.ok(await running);
});

t.test('one signal may be that of two thousand requests, and none follows it when they are done', async (t) => {
  const warnings = collectWarnings(t);
  const { hotPath } = pool(t);
  const signal = new CountingSource();
  await Promise.all(times(2000, () => hotPath.prepare(P256, { signal })));
  t.equal(signal.waiting, 0);
  t.same(warnings, []);
});

t.test('two thousand requests have one timer between them', async (t) => {
  const { hotPath } = pool(t, { threads: { min: 1, max: 1 } });
  const before = timers();
  const prepared = times(2000, () => hotPath.prepare(P256));
  t.equal(timers(), before + 1);
  await Promise.all(prepared);
  t.equal(timers(), before);
});

t.test('a pool shows how many wait, how long they waited, how long they ran and who was refused', async (t) => {
  const observed = pool(t, { maxQueue: 4 });
  const served = times(5, () => observed.hotPath.prepare(P256));
  t.equal(await rejectionCode(observed.hotPath.prepare(P256)), 'ERR_HOTPATH_OVERLOADED');
  t.equal(queueLengthOf(observed), 5);
  await Promise.all(served);
  t.equal(queueLengthOf(observed), 0);
  const { metrics } = observed;
  t.equal(metrics.counter(Metric.hotPathRefused, needed).value, 1);
  t.equal(metrics.histogram(Metric.hotPathWaitSeconds, prepareLabels).count, 5);
  t.equal(metrics.histogram(Metric.hotPathRunSeconds, prepareLabels).count, 1, 'of each batch');
  t.ok(metrics.histogram(Metric.hotPathRunSeconds, prepareLabels).sum > 0);
});

t.test('threads that hang and threads that fail are counted', async (t) => {
  const lostBy = ({ metrics }: Observed) => {
    const lost = (reason: string) => metrics.counter(Metric.hotPathThreadsLost, { ...needed, reason }).value;
    return { hung: lost('hung'), failed: lost('failed') };
  };
  const failing = pool(t, faulty);
  t.equal(await rejectionCode(failing.hotPath.prepare({ ...P256, spiffeId: 'spiffe://td/die' })), 'ERR_HOTPATH_FAILED');
  t.same(lostBy(failing), { hung: 0, failed: 1 });
  const hanging = pool(t, { ...faulty, taskTimeoutMs: 500 });
  t.equal(await rejectionCode(hanging.hotPath.prepare(HANG)), 'ERR_HOTPATH_DEADLINE');
  t.same(lostBy(hanging), { hung: 1, failed: 0 });
});

/** Timers that keep the process alive, as Node itself tells. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
}
