import { getEventListeners, once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { type Addon, loadAddon } from '../../../src/system/addon/index.js';

/** build/test/system/addon/ → what ships. */
const DIST = fileURLToPath(new URL('../../../../dist/', import.meta.url));

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

t.test('the addon that ships exports what the program calls, and nothing of tests and benches', { skip }, async (t) => {
  t.strictSame(Object.keys(addon).sort(), [
    ...['Pkcs11Module', 'SocketHub', 'contextTrusting', 'endWithParent', 'forbidDumping', 'hasSigner', 'issueBatch'],
    ...['loadSigner', 'peerCredentials', 'prepareBatch', 'reserveDescriptors', 'revision', 'sealBatch'],
  ]);
  const shipped = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.node'));
  t.strictSame(shipped, [`threads/prebuilds/${process.platform}-${process.arch}/sidecert.node`]);
  const library = readFileSync(join(DIST, ...shipped));
  for (const name of ['sealBatchAny', 'sealBatchPlain', 'timeKeyAndSignature', 'timeVerification']) {
    t.notOk(library.includes(name), name);
  }
  t.ok(library.includes('sealBatch'), 'a name that it exports is found in its file');
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

t.test('a module of PKCS#11 that is none, or is asked for with a wrong type, is refused', { skip }, async (t) => {
  t.throws(() => new addon.Pkcs11Module('/nowhere/hsm.so'), { code: 'DLOPEN', message: /cannot open shared object/ });
  t.throws(() => new addon.Pkcs11Module(process.execPath), { code: 'DLOPEN' });
  for (const wrong of [undefined, 7, '', {}, Buffer.from('x')]) {
    t.throws(() => new addon.Pkcs11Module(wrong as never), { code: 'ERR_INTERNAL' });
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
