import t from 'tap';
import type { OpenedKey, Pkcs11Module } from '../../../src/system/pkcs11/open-token.js';
import { SessionQueue } from '../../../src/system/pkcs11/session-queue.js';

const REMOVED = Object.assign(new Error('C_Sign'), { code: 'CKR', returnValue: 0x32 });
const WRONG_TYPE = Object.assign(new Error('C_SignInit'), { code: 'CKR', returnValue: 0x63 });

interface Call {
  readonly session: number;
  resolve(signature: ArrayBuffer): void;
  reject(error: Error): void;
}

/** A token with two sessions, whose signatures the test gives; each time that it is opened they have other numbers. */
function fakeToken() {
  const calls: Call[] = [];
  const state = { opened: 0, nowMs: 0, failure: undefined as string | undefined, waits: [] as (() => void)[] };
  const queue = new SessionQueue({
    now: () => state.nowMs,
    async open(): Promise<OpenedKey> {
      state.opened += 1;
      const { opened, failure } = state;
      if (failure !== undefined) throw new Error(failure);
      const sign = (session: number) =>
        new Promise<ArrayBuffer>((resolve, reject) => calls.push({ session, resolve, reject }));
      const module = { sign } as unknown as Pkcs11Module;
      return { module, sessions: [opened * 10, opened * 10 + 1], key: 7, keyType: 'ec' };
    },
  });
  /** When this many signatures were asked for. */
  const call = async (index: number): Promise<Call> => {
    while (calls.length <= index) await new Promise((resolve) => setImmediate(resolve));
    return calls[index] as Call;
  };
  return { queue, state, calls, call, sign: (id = 0) => queue.sign(id, 1, Buffer.from('x')) };
}

const SIGNATURE = new Uint8Array([1, 2]).buffer;

t.test('what is dropped does not begin, and what has begun goes on', async (t) => {
  const { queue, sign, call, calls } = fakeToken();
  await queue.start();
  const [first, second, third, fourth] = [sign(1), sign(2), sign(3), sign(4)];
  const dropped = t.rejects(third, { message: 'dropped' });
  for (const id of [1, 3, 3, 99]) queue.drop(id);
  await dropped;
  for (const index of [0, 1, 2]) (await call(index)).resolve(SIGNATURE);
  await Promise.all([first, second, fourth]);
  t.equal(calls.length, 3);
});

t.test('each session signs one at a time, and the others wait', async (t) => {
  const { queue, sign, call, calls } = fakeToken();
  t.equal(await queue.start(), 'ec');
  const signed = [sign(), sign(), sign()];
  (await call(1)).resolve(SIGNATURE);
  const third = await call(2);
  t.strictSame(
    calls.map(({ session }) => session),
    [11, 10, 10],
  );
  (await call(0)).resolve(SIGNATURE);
  third.resolve(SIGNATURE);
  for (const signature of await Promise.all(signed)) t.strictSame([...signature], [1, 2]);
});

t.test(
  'a lost session has all opened again, once, when none is at work any more; no request is lost by it',
  async (t) => {
    const { queue, sign, call, calls, state } = fakeToken();
    await queue.start();
    const signed = [sign(), sign(), sign()];
    (await call(0)).reject(REMOVED);
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(calls.length, 2, 'the other session is still at work');
    (await call(1)).resolve(SIGNATURE);
    const [again, third] = [await call(2), await call(3)];
    t.equal(state.opened, 2);
    t.strictSame([again.session, third.session], [21, 20]);
    again.resolve(SIGNATURE);
    third.resolve(SIGNATURE);
    t.equal((await Promise.all(signed)).length, 3);
  },
);

t.test('a signature that is refused twice is given up, and the token is left alone for a second', async (t) => {
  const { queue, sign, call, state } = fakeToken();
  await queue.start();
  const signed = sign();
  (await call(0)).reject(REMOVED);
  (await call(1)).reject(REMOVED);
  await t.rejects(signed, { message: 'C_Sign: CKR_DEVICE_REMOVED' });
  await t.rejects(sign(), { message: 'C_Sign: CKR_DEVICE_REMOVED' });
  t.equal(state.opened, 2);
  state.nowMs = 1001;
  const later = sign();
  (await call(2)).resolve(SIGNATURE);
  await later;
  t.equal(state.opened, 3);
});

t.test('what the key itself cannot do is told at once, and no session is lost by it', async (t) => {
  const { queue, sign, call, state } = fakeToken();
  await queue.start();
  const signed = sign();
  (await call(0)).reject(WRONG_TYPE);
  await t.rejects(signed, { message: 'C_SignInit: CKR_KEY_TYPE_INCONSISTENT' });
  t.equal(state.opened, 1);
});

t.test('a token that cannot be opened is tried once a second, and refuses at once meanwhile', async (t) => {
  const { queue, sign, call, state } = fakeToken();
  state.failure = 'no such token';
  await t.rejects(queue.start(), { message: 'no such token' });
  for (let count = 0; count < 5; count += 1) await t.rejects(sign(), { message: 'no such token' });
  t.equal(state.opened, 1);
  state.nowMs = 1001;
  await t.rejects(sign(), { message: 'no such token' });
  t.equal(state.opened, 2);
  state.failure = undefined;
  state.nowMs = 2002;
  const signed = sign();
  (await call(0)).resolve(SIGNATURE);
  await signed;
});
