import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import t from 'tap';
import { Handshakes } from '../../../src/net/transport/handshakes.js';

/** As the code has it. */
const PATIENCE_MS = 1000;

let ports = 0;

class FakeSocket extends EventEmitter {
  readonly remotePort = ++ports;
  isDestroyed = false;

  constructor(readonly remoteAddress: string) {
    super();
  }

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.emit('close');
  }
}

/** Room for eight, by a clock of its own. */
function eight() {
  const clock = { nowMs: 0 };
  const failed: string[] = [];
  const handshakes = new Handshakes(
    8,
    (address) => failed.push(address),
    () => clock.nowMs,
  );
  const start = (address: string, count = 1): FakeSocket[] =>
    Array.from({ length: count }, () => {
      const socket = new FakeSocket(address);
      handshakes.started(socket as unknown as Socket);
      return socket;
    });
  const finish = (socket: FakeSocket | undefined) => handshakes.finished(socket as unknown as Socket);
  return { handshakes, clock, failed, start, finish };
}

t.test('of a crowd the next one waits until one is over, or has lasted for a second', async (t) => {
  const { handshakes, clock, failed, start, finish } = eight();
  const crowd = Array.from({ length: 8 }, (_, index) => start(`10.0.0.${index}`)).flat();
  t.equal(handshakes.hasRoom('10.0.0.9'), false);
  finish(crowd[3]);
  t.equal(handshakes.hasRoom('10.0.0.9'), true);
  start('10.0.0.9');
  t.same(failed, [], 'none had to end for it');
  t.equal(handshakes.hasRoom('10.0.0.10'), false);
  clock.nowMs += PATIENCE_MS;
  t.equal(handshakes.hasRoom('10.0.0.10'), true);
  start('10.0.0.10');
  t.same(failed, ['10.0.0.0'], 'the oldest');
  t.equal(crowd[0]?.isDestroyed, true);
});

t.test('an address with many gives up places to those with few at once, and none to itself', async (t) => {
  const { handshakes, failed, start } = eight();
  const flood = start('10.0.0.1', 8);
  t.equal(handshakes.hasRoom('10.0.0.1'), false);
  for (const want of [true, true, true, false]) {
    t.equal(handshakes.hasRoom('10.0.0.2'), want);
    if (want) start('10.0.0.2');
  }
  t.same(failed, ['10.0.0.1', '10.0.0.1', '10.0.0.1']);
  t.same(
    flood.map(({ isDestroyed }) => isDestroyed),
    [true, true, true, ...Array.from({ length: 5 }, () => false)],
  );
  t.equal(handshakes.hasRoom('10.0.0.3'), true, 'the same for a third one');
});

t.test('those that stand still give way, not the one before of the address that comes', async (t) => {
  const { handshakes, clock, failed, start } = eight();
  for (let index = 0; index < 7; index += 1) start(`10.0.0.${index}`);
  clock.nowMs += PATIENCE_MS;
  const crowd = start('10.0.1.1');
  for (let index = 0; index < 7; index += 1) {
    t.equal(handshakes.hasRoom('10.0.1.1'), true);
    crowd.push(...start('10.0.1.1'));
  }
  t.same(
    failed,
    Array.from({ length: 7 }, (_, index) => `10.0.0.${index}`),
  );
  t.ok(crowd.every(({ isDestroyed }) => !isDestroyed));
  t.equal(handshakes.hasRoom('10.0.1.1'), false, 'its own wait for each other');
});

t.test('of one with much more and one that stands still, the second gives way', async (t) => {
  const { clock, failed, start } = eight();
  start('10.0.0.1');
  clock.nowMs += PATIENCE_MS;
  start('10.0.0.2', 7);
  start('10.0.0.3');
  t.same(failed, ['10.0.0.1']);
});

t.test('one that ends by itself has failed; one that is finished has not', async (t) => {
  const { handshakes, failed, start, finish } = eight();
  const [ended, finished] = start('10.0.0.1', 2);
  finish(finished);
  ended?.destroy();
  finished?.destroy();
  t.same(failed, ['10.0.0.1']);
  const rest = start('10.0.0.2', 3);
  handshakes.abort();
  t.ok(rest.every(({ isDestroyed }) => isDestroyed));
});
