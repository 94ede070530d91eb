import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { HandshakeQueue, type HandshakeQueueOptions } from '../../../src/net/transport/handshake-queue.js';

const nextTurn = () => new Promise(setImmediate);

/** The record of a first message of 300 octets. */
const HELLO = Buffer.concat([Buffer.from('160301012c', 'hex'), Buffer.alloc(300, 1)]);

/** A queue whose handshakes take 2 ms each by its clock, and the addresses of those that have begun. */
function queueAt(options: Partial<HandshakeQueueOptions> = {}) {
  const clock = { nowMs: 0 };
  const begun: string[] = [];
  const queue = new HandshakeQueue({
    begin: (socket) => {
      clock.nowMs += 2;
      begun.push(`${socket.remoteAddress} ${(socket.read() as Buffer | null)?.length}`);
    },
    timeoutMs: 10_000,
    now: () => clock.nowMs,
    ...options,
  });
  const connect = (remoteAddress: string) => {
    const stream = new PassThrough();
    queue.add(Object.assign(stream, { remoteAddress }) as unknown as Socket);
    return stream;
  };
  return { begun, clock, connect };
}

t.test('a handshake begins when all of the first message has come', async (t) => {
  const { begun, connect } = queueAt();
  const peer = connect('10.0.0.1');
  for (const part of [HELLO.subarray(0, 3), HELLO.subarray(3, 100), HELLO.subarray(100, 304)]) {
    peer.write(part);
    for (let turn = 0; turn < 3; turn += 1) await nextTurn();
    t.same(begun, []);
  }
  peer.write(HELLO.subarray(304));
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
  t.same(begun, ['10.0.0.1 305']);
  connect('10.0.0.2').write('GET / HTTP/1.1\r\n');
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
  t.same(begun.slice(1), ['10.0.0.2 16'], 'what is none of TLS is not waited for');
});

t.test(
  'of a thousand that say it in the same moment few begin in one round of the event loop, by address',
  async (t) => {
    const { begun, connect } = queueAt();
    for (let count = 0; count < 1000; count += 1) connect('10.0.0.1').write(HELLO);
    connect('10.0.0.2').write(HELLO);
    let most = 0;
    for (let turn = 0; begun.length < 1001; turn += 1) {
      const before = begun.length;
      await nextTurn();
      most = Math.max(most, begun.length - before);
      if (turn > 3000) t.fail('does not come to its end');
    }
    t.ok(most <= 2, `${most} of 2 ms each in a slice of 3 ms`);
    t.ok(begun.indexOf('10.0.0.2 305') < 4, 'an address with one is not behind those of another');
  },
);

t.test('while connections are accepted, handshakes leave them most of the time', async (t) => {
  const { begun, connect, clock } = queueAt();
  let accepted = 0;
  const accept = async () => {
    connect('10.0.0.1').write(HELLO);
    accepted += 1;
    // What a round of the event loop takes that accepts one.
    clock.nowMs += 0.1;
    await nextTurn();
  };
  while (accepted < 1000) await accept();
  connect('10.0.0.2').write(HELLO);
  const before = begun.length;
  t.ok(before > 10, `${before} handshakes have begun meanwhile`);
  t.ok(before < 100, `${before} handshakes were there before the connection of another address was accepted`);
  while (!begun.includes('10.0.0.2 305')) await nextTurn();
  t.ok(begun.indexOf('10.0.0.2 305') < before + 4, 'then it is its turn');
});

t.test('who is not admitted waits, and keeps no other address waiting', async (t) => {
  let left = 1;
  const turnedAway: string[] = [];
  const { begun, connect } = queueAt({
    admission: {
      admits: (address) => {
        if (address !== '10.0.0.1') return true;
        left -= 1;
        return left >= 0;
      },
      failed: () => {},
      turnedAway: (address) => turnedAway.push(address),
    },
  });
  const peers = Array.from({ length: 3 }, () => connect('10.0.0.1'));
  for (const peer of peers) peer.write(HELLO);
  connect('10.0.0.2').write(HELLO);
  while (begun.length < 2) await nextTurn();
  t.same([...begun].sort(), ['10.0.0.1 305', '10.0.0.2 305']);
  peers[1]?.destroy();
  while (turnedAway.length === 0) await nextTurn();
  left = 1;
  while (begun.length < 3) await nextTurn();
  t.equal(begun[2], '10.0.0.1 305');
  t.same(turnedAway, ['10.0.0.1']);
});

t.test('the time to begin ends one that has not begun, and none that has', async (t) => {
  // The timers of the queue keep no process from its end.
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => clearInterval(alive));
  const { begun, connect } = queueAt({ timeoutMs: 500 });
  const [served, silent] = [connect('10.0.0.1'), connect('10.0.0.1')];
  served.write(HELLO);
  while (begun.length === 0) await nextTurn();
  const later = connect('10.0.0.1');
  for (const peer of [silent, later]) if (!peer.destroyed) await new Promise((resolve) => peer.once('close', resolve));
  t.notOk(served.destroyed);
});

t.test('one for which there is no room waits, and is not asked to be admitted; others go on', async (t) => {
  let full = new Set(['10.0.0.1']);
  const admitted: string[] = [];
  const { begun, connect } = queueAt({
    hasRoom: (address) => !full.has(address),
    admission: {
      admits: (address) => admitted.push(address) > 0,
      failed() {},
      turnedAway() {},
    },
  });
  connect('10.0.0.1').write(HELLO);
  connect('10.0.0.2').write(HELLO);
  while (begun.length === 0) await nextTurn();
  t.same(begun, ['10.0.0.2 305']);
  t.same(admitted, ['10.0.0.2']);
  full = new Set();
  while (begun.length === 1) await nextTurn();
  t.same(begun, ['10.0.0.2 305', '10.0.0.1 305']);
});
