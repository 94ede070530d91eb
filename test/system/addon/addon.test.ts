import { getEventListeners, once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { type Addon, loadAddon } from '../../../src/system/addon/index.js';

const load = loadAddon();
const skip = load.kind === 'absent' && load.reason;
const addon = load.kind === 'loaded' ? load.addon : (undefined as unknown as Addon);

t.test('an addon of other sources is not taken, whether it says so or has nothing to say', async (t) => {
  const older = { 'older.cjs': "exports.revision = 'sha256-0'", 'oldest.cjs': '' };
  const directory = t.testdir(older);
  for (const [name, got] of [
    ['older.cjs', 'sha256-0'],
    ['oldest.cjs', 'none'],
  ]) {
    const reason = new RegExp(`^the addon was built from other sources: got revision ${got}, expected sha256-.{16}$`);
    t.match(loadAddon(`${directory}/${name}`), { kind: 'absent', reason });
  }
});

const ITEM = [0, 'spiffe://td/a'] as const;

/** The answers alone, without the memory of the CSRs. */
const prepare = (items: Parameters<Addon['prepareBatch']>[0]) => addon.prepareBatch(items)[1];

t.test('a batch has 1 to 1000 items', { skip }, async (t) => {
  const items = (count: number) => Array.from({ length: count }, () => ITEM);
  t.throws(() => addon.prepareBatch([]), { code: 'ERR_INTERNAL' });
  t.throws(() => addon.prepareBatch(items(1001)), { code: 'ERR_INTERNAL' });
  t.equal(prepare(items(1000)).length, 1000);
});

t.test('items of any type are refused, each alone, and nothing is read beyond them', { skip }, async (t) => {
  const bytes = Buffer.from('x');
  const odd = [undefined, null, 7, 'text', {}, [], [ITEM], [Number.NaN, 'a'], [5, 'a'], [-1, 'a'], [0, 7], Symbol('a')];
  const proxy = new Proxy([], { get: () => Symbol('trap') });
  for (const call of [prepare, addon.sealBatch]) {
    const refused = call([...odd, proxy, [bytes, 'a', bytes], new Float64Array(3)] as never);
    for (const answer of refused) t.equal(answer[0], 'ERR_INTERNAL');
  }
  const [good, bad] = prepare([ITEM, 'x' as never]);
  t.type(good?.[0], ArrayBuffer);
  t.equal(bad?.[0], 'ERR_INTERNAL');
  for (const wrong of [undefined, 7, 'text', {}]) {
    t.throws(() => addon.prepareBatch(wrong as never), { code: 'ERR_INTERNAL' });
    t.throws(() => addon.issueBatch('no such signer', wrong as never), { code: 'ERR_INTERNAL' });
    t.throws(() => addon.loadSigner(wrong as never, bytes, bytes), { code: /ERR_INTERNAL|ERR_SIGNER_INVALID/ });
    t.equal(addon.hasSigner(wrong as never), false);
  }
});

t.test('an exception that a getter throws comes out, and the next call works', { skip }, async (t) => {
  const trap = Object.defineProperty([0], '1', {
    get() {
      throw new Error('trap');
    },
  });
  t.throws(() => addon.prepareBatch([trap as never]), { message: 'trap' });
  t.type(prepare([ITEM])[0]?.[0], ArrayBuffer);
});

t.test('eight threads can be ended in mid-call, again and again', { skip, timeout: 200_000 }, async (t) => {
  const url = new URL('./busy-thread.js', import.meta.url);
  for (let round = 0; round < 2; round++) {
    const threads = Array.from({ length: 8 }, () => new Worker(url));
    await Promise.all(threads.map((thread) => once(thread, 'message')));
    await Promise.all(threads.map((thread) => thread.terminate()));
    t.same(
      threads.map((thread) => getEventListeners(thread, 'error').length),
      threads.map(() => 0),
    );
  }
  t.type(prepare([ITEM])[0]?.[0], ArrayBuffer, 'and this thread goes on');
});
