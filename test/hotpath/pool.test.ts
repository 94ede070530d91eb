import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { type HotPath, type PooledHotPathOptions, Signer } from '../../src/hotpath/index.js';
import { createPooledHotPath } from '../../src/hotpath/pool.js';
import { type KeyType, makeSelfSignedRoot } from '../../src/pki/x509/index.js';
import { type Logger, silentLogger } from '../../src/telemetry/index.js';
import { HOUR_MS, NOW_MS, openssl, rejectionCode, SLEEP } from './pki.js';

const P256 = { spiffeId: SLEEP, keyType: 'ec-p256' } as const;
const HANG = { ...P256, spiffeId: 'spiffe://cluster.local/hang' };
const faulty = { workerUrl: new URL('./faulty-worker.js', import.meta.url) };

const rootPem = makeSelfSignedRoot({
  keyType: 'ec-p256',
  organization: 'cluster.local',
  notBeforeMs: NOW_MS - HOUR_MS,
  notAfterMs: NOW_MS + HOUR_MS,
});
const signer = Signer.load(rootPem.certificatePem, rootPem.privateKeyPem);

function pool(t: Test, changes: Partial<PooledHotPathOptions> = {}): HotPath {
  const hotPath = createPooledHotPath({
    threads: { min: 0, max: 2 },
    idleTimeoutMs: 60_000,
    maxQueue: 1000,
    taskTimeoutMs: 60_000,
    ...changes,
  });
  t.teardown(() => hotPath.close());
  return hotPath;
}

/** The threads that start while this test runs, as Node itself tells. */
function threadsOf(t: Test): Worker[] {
  const threads: Worker[] = [];
  const onWorker = (worker: Worker) => threads.push(worker);
  process.on('worker', onWorker);
  t.teardown(() => process.off('worker', onWorker));
  return threads;
}

/** One turn of the event loop: what was asked for before it has been handed to a thread by now. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function errorLog(): { errors: string[]; logger: Logger } {
  const errors: string[] = [];
  return { errors, logger: { ...silentLogger, error: (message) => errors.push(message) } };
}

t.test('the whole way: prepare, issue, seal', async (t) => {
  const hotPath = pool(t);
  const { privateKey, csrPem } = await hotPath.prepare(P256);
  const times = { notBeforeMs: NOW_MS, notAfterMs: NOW_MS + HOUR_MS };
  const issued = await hotPath.issue({ csrPem, signer, subjectAltNames: [SLEEP], ...times });
  const sealed = await hotPath.seal({
    privateKey,
    chainPem: issued.leafPem,
    bundlePem: rootPem.certificatePem,
    spiffeId: SLEEP,
    nowMs: NOW_MS,
    minLifeMs: 1000,
  });

  t.match(sealed, { serial: issued.serial, ...times });
  t.equal(new X509Certificate(issued.leafPem).subjectAltName, `URI:${SLEEP}`);
  t.ok(Buffer.isBuffer(csrPem));
  for (const bytes of [privateKey, issued.leafPem, sealed.certificateBody, sealed.bundleBody]) {
    t.ok(Buffer.isBuffer(bytes));
    t.equal(bytes.buffer.byteLength, bytes.length, 'memory of its own, to be wiped without harm to others');
  }
  t.notOk(
    privateKey.every((octet) => octet === 0),
    'the key of the caller stays the business of the caller',
  );
});

t.test('two hundred at once all get a key of their own', async (t) => {
  const hotPath = pool(t);
  const prepared = await Promise.all(Array.from({ length: 200 }, () => hotPath.prepare(P256)));
  t.equal(new Set(prepared.map(({ privateKey }) => privateKey.toString('hex'))).size, 200);
  for (const { csrPem } of prepared.slice(0, 3)) t.match(openssl(['req', '-verify', '-text', '-noout'], csrPem), SLEEP);
});

t.test('in one batch, good and bad requests each get their own answer', async (t) => {
  const hotPath = pool(t, { threads: { min: 0, max: 1 } });
  const requests = [
    P256,
    { ...P256, spiffeId: 'spiffe://UPPER/x' },
    P256,
    { ...P256, keyType: 'dsa' as KeyType },
    P256,
  ];
  const codes = await Promise.all(requests.map((request) => rejectionCode(hotPath.prepare(request))));
  t.same(codes, ['none', 'ERR_SPIFFE_ID_INVALID', 'none', 'ERR_KEY_TYPE_UNSUPPORTED', 'none']);
});

t.test('different operations that come mixed each get their own kind of answer', async (t) => {
  const hotPath = pool(t, { threads: { min: 0, max: 1 } });
  const { csrPem } = await hotPath.prepare(P256);
  const request = { csrPem, signer, subjectAltNames: [SLEEP], notBeforeMs: NOW_MS, notAfterMs: NOW_MS + HOUR_MS };
  const mixed = Array.from({ length: 40 }, (_, i) => (i % 3 ? hotPath.issue(request) : hotPath.prepare(P256)));
  const kinds = (await Promise.all(mixed)).map((answer) => 'leafPem' in answer);
  t.same(
    kinds,
    Array.from({ length: 40 }, (_, i) => i % 3 !== 0),
  );
});

t.test('arguments of a wrong type are refused before they reach a thread', async (t) => {
  const threads = threadsOf(t);
  const hotPath = pool(t);
  const bytes = Buffer.from('x');
  const issue = { csrPem: bytes, signer, subjectAltNames: ['a'], notBeforeMs: 0, notAfterMs: 1 };
  const seal = { privateKey: bytes, chainPem: bytes, bundlePem: bytes, spiffeId: SLEEP, nowMs: 0, minLifeMs: 0 };
  const calls: [string, 'prepare' | 'seal' | 'issue', unknown][] = [
    ['nothing', 'prepare', undefined],
    ['null', 'seal', null],
    ['a number', 'issue', 7],
    ['a function for text', 'prepare', { ...P256, spiffeId: () => SLEEP }],
    ['a symbol for a key type', 'prepare', { ...P256, keyType: Symbol('ec') }],
    ['text for bytes', 'seal', { ...seal, privateKey: 'key' }],
    ['NaN for a time', 'seal', { ...seal, nowMs: Number.NaN }],
    ['a negative life', 'seal', { ...seal, minLifeMs: -1 }],
    ['NaN for a skew', 'seal', { ...seal, maxAheadMs: Number.NaN }],
    ['a Date for a time', 'issue', { ...issue, notAfterMs: new Date() }],
    ['year 10000', 'issue', { ...issue, notAfterMs: Date.UTC(10_000, 0) }],
    ['no signer', 'issue', { ...issue, signer: undefined }],
    ['a signer of our own making', 'issue', { ...issue, signer: { material: { id: 'a' } } }],
    ['no names', 'issue', { ...issue, subjectAltNames: [] }],
    ['names that are no text', 'issue', { ...issue, subjectAltNames: [1] }],
  ];
  for (const [name, operation, argument] of calls) {
    // What the compiler would refuse, JavaScript may still do.
    const call = hotPath[operation] as (argument: unknown) => Promise<unknown>;
    t.equal(await rejectionCode(call.call(hotPath, argument)), 'ERR_INTERNAL', name);
  }
  t.equal(threads.length, 0);
});

t.test('a pool of at least no threads starts empty, and shrinks to nothing when idle', async (t) => {
  const threads = threadsOf(t);
  const hotPath = pool(t, { idleTimeoutMs: 1 });
  t.equal(threads.length, 0);
  await hotPath.prepare(P256);
  t.equal(threads.length, 1);
  // The idle timer of Piscina does not keep a process alive: in this test, nothing else does.
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => clearInterval(alive));
  const [thread] = threads;
  await Promise.all(thread && thread.threadId > 0 ? [once(thread, 'exit')] : []);
  t.ok(await hotPath.prepare(P256), 'and starts again when there is work');
  t.equal(threads.length, 2);
});

t.test('a full queue refuses at once, and what waits is served', async (t) => {
  const hotPath = pool(t, { threads: { min: 0, max: 1 }, maxQueue: 2 });
  const served = [hotPath.prepare(P256), hotPath.prepare(P256), hotPath.prepare(P256)];
  t.equal(await rejectionCode(hotPath.prepare(P256)), 'ERR_HOTPATH_OVERLOADED');
  t.equal((await Promise.all(served)).length, 3);
});

t.test('a queue of nothing still serves as many as there are threads', async (t) => {
  const hotPath = pool(t, { threads: { min: 0, max: 1 }, maxQueue: 0 });
  const first = hotPath.prepare(P256);
  t.equal(await rejectionCode(hotPath.prepare(P256)), 'ERR_HOTPATH_OVERLOADED');
  t.ok(await first);
});

t.test('a thread that hangs is ended and replaced', async (t) => {
  const threads = threadsOf(t);
  const { errors, logger } = errorLog();
  const hotPath = pool(t, { ...faulty, threads: { min: 0, max: 1 }, taskTimeoutMs: 5000, logger });
  await hotPath.prepare(P256);
  const waiting = [rejectionCode(hotPath.prepare(HANG))];
  await turn();
  waiting.push(...[P256, P256].map((request) => rejectionCode(hotPath.prepare(request))));
  t.same(await Promise.all(waiting), ['ERR_HOTPATH_DEADLINE', 'ERR_HOTPATH_DEADLINE', 'ERR_HOTPATH_DEADLINE']);
  t.ok(await hotPath.prepare(P256), 'the pool goes on');
  t.equal(threads.length, 2);
  t.same(errors, ['hot path thread hangs, replacing it']);
});

t.test('a thread that is still starting at the deadline is not waited for', async (t) => {
  const hotPath = pool(t, { taskTimeoutMs: 1 });
  const codes = await Promise.all([1, 2, 3, 4].map(() => rejectionCode(hotPath.prepare(P256))));
  t.same(new Set(codes), new Set(['ERR_HOTPATH_DEADLINE']));
});

for (const fault of ['die', 'throw']) {
  t.test(`when a thread has the fault "${fault}", its batch fails and the next is served`, async (t) => {
    const { errors, logger } = errorLog();
    const hotPath = pool(t, { ...faulty, threads: { min: 0, max: 1 }, logger });
    const bad = rejectionCode(hotPath.prepare({ ...P256, spiffeId: `spiffe://td/${fault}` }));
    await turn();
    const waiting = hotPath.prepare(P256);
    t.equal(await bad, 'ERR_HOTPATH_FAILED');
    t.ok(await waiting);
    t.same(errors, ['hot path thread failed']);
  });
}

t.test('a thread that is killed takes only its own work with it', async (t) => {
  const threads = threadsOf(t);
  const hotPath = pool(t, { ...faulty, threads: { min: 0, max: 1 } });
  await hotPath.prepare(P256);
  const dying = rejectionCode(hotPath.prepare(HANG));
  await turn();
  const waiting = hotPath.prepare(P256);
  await threads[0]?.terminate();
  t.equal(await dying, 'ERR_HOTPATH_FAILED');
  t.ok(await waiting, 'what waited is served by a new thread');
  t.equal(threads.length, 2);
});

t.test('threads that cannot even start fail their work at once, not at its deadline', async (t) => {
  const hotPath = pool(t, { workerUrl: new URL('./no-such-file.js', import.meta.url) });
  const codes = await Promise.all([1, 2, 3, 4].map(() => rejectionCode(hotPath.prepare(P256))));
  t.same(new Set(codes), new Set(['ERR_HOTPATH_FAILED']));
});

t.test('an idle thread that dies is no trouble', async (t) => {
  const threads = threadsOf(t);
  const hotPath = pool(t);
  await hotPath.prepare(P256);
  await threads[0]?.terminate();
  t.ok(await hotPath.prepare(P256));
});

t.test('closing refuses what waits, what runs and what comes, and may be done twice', async (t) => {
  const threads = threadsOf(t);
  const hotPath = pool(t, { ...faulty, threads: { min: 1, max: 1 } });
  await hotPath.prepare(P256);
  const left = [HANG, P256, P256].map((request) => rejectionCode(hotPath.prepare(request)));
  const closing = hotPath.close();
  t.equal(await rejectionCode(hotPath.prepare(P256)), 'ERR_HOTPATH_CLOSED');
  t.same(await Promise.all(left), ['ERR_HOTPATH_CLOSED', 'ERR_HOTPATH_CLOSED', 'ERR_HOTPATH_CLOSED']);
  await Promise.all([closing, hotPath.close()]);
  t.same(
    threads.map(({ threadId }) => threadId),
    [-1],
    'no thread is left',
  );
});
