import t from 'tap';
import { CancelSource } from '../../src/cancellation/index.js';
import { IdentityError } from '../../src/errors/index.js';
import { type CallOptions, type HotPath, KeyReserve, type PreparedKey } from '../../src/hotpath/index.js';
import type { KeyType } from '../../src/pki/x509/index.js';
import { rejectionCode, SLEEP } from './pki.js';

/** Makes a key when it is told to, and knows for whom. */
class SlowKeys implements Pick<HotPath, 'prepare'> {
  readonly calls: (CallOptions | undefined)[] = [];
  readonly #finish: ((key: PreparedKey | IdentityError) => void)[] = [];

  prepare(_request: unknown, options?: CallOptions): Promise<PreparedKey> {
    this.calls.push(options);
    return new Promise((resolve, reject) => {
      this.#finish.push((key) => (key instanceof IdentityError ? reject(key) : resolve(key)));
    });
  }

  /** Ends the call of this number, from 0 on. */
  finish(call: number, key: PreparedKey | IdentityError): void {
    this.#finish[call]?.(key);
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

const aKey = (octet: number): PreparedKey => ({ privateKey: Buffer.alloc(4, octet), csrPem: Buffer.alloc(0) });

function reserve(keyType: KeyType) {
  const keys = new SlowKeys();
  return { keys, reserve: new KeyReserve(keys, { spiffeId: SLEEP, keyType }) };
}

t.test('an RSA key that was made ahead is given at once, and only once', async (t) => {
  const { keys, reserve: ahead } = reserve('rsa-2048');
  ahead.stock();
  ahead.stock();
  t.match(keys.calls, [{ isAhead: true }]);
  keys.finish(0, aKey(1));
  t.same(await ahead.take(), aKey(1));
  const second = ahead.take();
  await turn();
  keys.finish(1, aKey(2));
  t.same(await second, aKey(2));
  t.notOk(keys.calls[1]?.isAhead, 'somebody waits for this one');
});

t.test('a key that is being made is waited for', async (t) => {
  const { keys, reserve: ahead } = reserve('rsa-2048');
  ahead.stock();
  const taken = ahead.take();
  keys.finish(0, aKey(1));
  t.same(await taken, aKey(1));
  t.equal(keys.calls.length, 1);
});

t.test('a key that is still in line is given up for one that is made now', async (t) => {
  const { keys, reserve: ahead } = reserve('rsa-2048');
  ahead.stock();
  const line = keys.calls[0]?.signal;
  line?.add({ cancel: () => keys.finish(0, new IdentityError('ERR_CANCELLED', 'still in line')) });
  const signal = new CancelSource();
  const taken = ahead.take({ signal });
  await Promise.resolve();
  t.equal(line?.isCancelled, true);
  await turn();
  t.equal(keys.calls[1]?.signal, signal);
  keys.finish(1, aKey(2));
  t.same(await taken, aKey(2));
});

t.test('after a failure ahead, the next key is made on demand, and its error is heard', async (t) => {
  const { keys, reserve: ahead } = reserve('rsa-2048');
  ahead.stock();
  keys.finish(0, new IdentityError('ERR_HOTPATH_OVERLOADED', 'full'));
  const taken = rejectionCode(ahead.take());
  await turn();
  keys.finish(1, new IdentityError('ERR_HOTPATH_FAILED', 'broken'));
  t.equal(await taken, 'ERR_HOTPATH_FAILED');
  ahead.stock();
  t.equal(keys.calls.length, 3, 'and another one is tried ahead');
});

t.test('EC keys are never made ahead', async (t) => {
  const { keys, reserve: ahead } = reserve('ec-p256');
  ahead.stock();
  t.same(keys.calls, []);
});

t.test('what nobody took is wiped at the end, also when it is only just being made', async (t) => {
  const [there, late] = [aKey(1), aKey(2)];
  const first = reserve('rsa-2048');
  first.reserve.stock();
  first.keys.finish(0, there);
  first.reserve.close();
  const second = reserve('rsa-3072');
  second.reserve.stock();
  second.reserve.close();
  second.reserve.close();
  t.equal(second.keys.calls[0]?.signal?.isCancelled, true);
  second.keys.finish(0, late);
  await turn();
  t.same([there.privateKey, late.privateKey], [Buffer.alloc(4), Buffer.alloc(4)]);
  second.reserve.stock();
  t.equal(second.keys.calls.length, 1, 'and nothing is made any more');
});
