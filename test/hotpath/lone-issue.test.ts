import { X509Certificate } from 'node:crypto';
import t, { type Test } from 'tap';
import { BatchBound } from '../../src/hotpath/batch-bound.js';
import { type IssueRequest, Signer } from '../../src/hotpath/index.js';
import { prepare } from '../../src/hotpath/js/prepare.js';
import { LoneIssue } from '../../src/hotpath/lone-issue.js';
import { loadOperation } from '../../src/hotpath/operation.js';
import { createPooledHotPath } from '../../src/hotpath/pool.js';
import { makeSelfSignedRoot } from '../../src/pki/x509/index.js';
import { Metric, MetricRegistry } from '../../src/telemetry/index.js';
import { cancelledSignal } from '../support/cancel-signals.js';
import { IMPLEMENTATIONS } from './implementations.js';
import { HOUR_MS, NOW_MS, rejectionCode, SLEEP } from './pki.js';

const root = makeSelfSignedRoot({
  keyType: 'ec-p256',
  organization: 'cluster.local',
  notBeforeMs: NOW_MS - HOUR_MS,
  notAfterMs: NOW_MS + 1000 * HOUR_MS,
});
const signer = Signer.load(root.certificatePem, root.privateKeyPem);
const wanted: IssueRequest = {
  csrPem: prepare({ spiffeId: SLEEP, keyType: 'ec-p256' }).csrPem,
  signer,
  subjectAltNames: [SLEEP],
  notBeforeMs: NOW_MS - 120_000,
  notAfterMs: NOW_MS + 24 * HOUR_MS,
};
const item = { ...wanted, signer: signer.material };

/** Knows that a leaf takes so long, in milliseconds. */
function knowing(itemMs: number): BatchBound {
  const bound = new BatchBound();
  bound.learn('issue', 1, itemMs);
  return bound;
}

/** By a clock on which each piece of work takes `runMs`. */
async function loaded(t: Test, kind: 'js' | 'native', bound: BatchBound, runMs: number): Promise<LoneIssue> {
  let nowMs = 0;
  const lone = new LoneIssue(kind, bound, () => {
    nowMs += runMs;
    return nowMs;
  });
  t.equal(lone.tryIssue(item), undefined);
  await loadOperation(kind, 'issue');
  return lone;
}

for (const { kind } of IMPLEMENTATIONS) {
  t.test(`${kind}: what is known to be short is issued here, as a thread would`, async (t) => {
    const lone = await loaded(t, kind, knowing(0.1), 0.1);
    const outcome = lone.tryIssue(item)?.outcome;
    const leaf = new X509Certificate(outcome?.ok === true ? outcome.value.leafPem : '');
    t.ok(leaf.verify(new X509Certificate(root.certificatePem).publicKey));
    t.equal(leaf.subjectAltName, `URI:${SLEEP}`);
  });

  t.test(`${kind}: a bad CSR is refused here with its code`, async (t) => {
    const lone = await loaded(t, kind, knowing(0.1), 0.1);
    const outcome = lone.tryIssue({ ...item, csrPem: Buffer.from('none') })?.outcome;
    t.match(outcome, { ok: false, code: 'ERR_CSR_INVALID' });
  });

  t.test(`${kind}: what takes long, or may, is for a thread`, async (t) => {
    t.equal(new LoneIssue(kind, new BatchBound()).tryIssue(item), undefined);
    await loadOperation(kind, 'issue');
    const slow = new LoneIssue(kind, knowing(0.31));
    t.equal(slow.tryIssue(item), undefined);
    await loadOperation(kind, 'issue');
    t.equal(slow.tryIssue(item), undefined);
  });

  t.test(`${kind}: what has become slow here goes to a thread from then on`, async (t) => {
    const lone = await loaded(t, kind, knowing(0.1), 1);
    t.equal(lone.tryIssue(item)?.runMs, 1);
    t.equal(lone.tryIssue(item), undefined);
  });

  t.test(`${kind}: the pool issues a lone leaf before a thread could have it, and counts it`, async (t) => {
    const metrics = new MetricRegistry();
    const hotPath = createPooledHotPath({
      ...{ kind, threads: { min: 0, max: 1 }, idleTimeoutMs: 60_000, maxQueue: 10, taskTimeoutMs: 60_000, metrics },
      workerUrl: new URL('./instant-worker.js', import.meta.url),
    });
    t.teardown(() => hotPath.close());
    const alone = { isAlone: true };
    await hotPath.issue(wanted, alone);
    await hotPath.issue(wanted, alone);
    await loadOperation(kind, 'issue');
    const turn = new Promise<string>((resolve) => setImmediate(resolve, 'a thread'));
    t.equal(await Promise.race([hotPath.issue(wanted, alone).then(() => 'here'), turn]), 'here');
    const batches = metrics.histogram(Metric.hotPathBatchSize, { queue: 'needed', operation: 'issue' });
    t.equal(batches.count, 3);
    const cancelled = { ...alone, signal: cancelledSignal() };
    t.equal(await rejectionCode(hotPath.issue(wanted, cancelled)), 'ERR_CANCELLED');
    await hotPath.close();
    t.equal(await rejectionCode(hotPath.issue(wanted, alone)), 'ERR_HOTPATH_CLOSED');
  });

  t.test(`${kind}: behind others that wait for a thread it waits too`, async (t) => {
    const metrics = new MetricRegistry();
    const hotPath = createPooledHotPath({
      ...{ kind, threads: { min: 0, max: 1 }, idleTimeoutMs: 60_000, maxQueue: 10, taskTimeoutMs: 60_000, metrics },
      workerUrl: new URL('./instant-worker.js', import.meta.url),
    });
    t.teardown(() => hotPath.close());
    for (let time = 0; time < 2; time += 1) await hotPath.issue(wanted, { isAlone: true });
    await loadOperation(kind, 'issue');
    await Promise.all([hotPath.issue(wanted), hotPath.issue(wanted, { isAlone: true })]);
    const batches = metrics.histogram(Metric.hotPathBatchSize, { queue: 'needed', operation: 'issue' });
    t.equal(batches.sum, 4);
    t.equal(batches.count, 3, 'the last two travelled together');
  });
}
