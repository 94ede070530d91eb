import t from 'tap';
import { errorCodeOf } from '../../src/errors/index.js';
import { createPooledHotPath } from '../../src/hotpath/pool.js';
import { rejectionCode } from './pki.js';

const P256 = { spiffeId: 'spiffe://td/a', keyType: 'ec-p256' } as const;

/** PKCS#8 of a P-256 key. (RFC 5915, RFC 5958) */
const KEY_BYTES = 138;

/** Stops this thread, as nothing in a server should. */
function stop(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

t.test('the keys of answers that came in time and were told too late are wiped', async (t) => {
  const workerUrl = new URL('./instant-worker.js', import.meta.url);
  const options = { threads: { min: 1, max: 1 }, idleTimeoutMs: 60_000, maxQueue: 1000, workerUrl };
  const hotPath = createPooledHotPath({ ...options, taskTimeoutMs: 5000, startTimeoutMs: 60_000 });
  t.teardown(() => hotPath.close());
  await hotPath.prepare(P256);
  let wiped = 0;
  const { fill } = Uint8Array.prototype;
  Uint8Array.prototype.fill = function counted(this: Uint8Array, ...args: Parameters<typeof fill>) {
    if (args[0] === 0 && this.length === KEY_BYTES) wiped += 1;
    return fill.apply(this, args);
  };
  t.teardown(() => {
    Uint8Array.prototype.fill = fill;
  });
  // Few: they are made far within their time on a busy machine, too.
  const keys = Array.from({ length: 40 }, () => hotPath.prepare(P256));
  // All answers have come as one, and most of them wait for the next turns of the event loop.
  const stopped = keys[0]?.then(() => stop(5500));
  const codes = await Promise.all(keys.map((key) => key.then(() => 'none', errorCodeOf)));
  await stopped;
  const late = codes.filter((code) => code === 'ERR_HOTPATH_DEADLINE').length;
  t.equal(late, 40 - 16);
  // The turns of the answers themselves.
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  t.equal(wiped, late);
});

t.test('while threads start, a request may take longer than later ones', async (t) => {
  const options = { threads: { min: 1, max: 1 }, idleTimeoutMs: 60_000, maxQueue: 1000 };
  const hotPath = createPooledHotPath({ ...options, taskTimeoutMs: 1, startTimeoutMs: 60_000 });
  t.teardown(() => hotPath.close());
  const first = await hotPath.prepare(P256);
  t.equal(first.privateKey.length, KEY_BYTES);
  const later = hotPath.prepare(P256);
  stop(50);
  t.equal(await rejectionCode(later), 'ERR_HOTPATH_DEADLINE');
});
