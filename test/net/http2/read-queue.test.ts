import t from 'tap';
import {
  encodeHeaders,
  Flag,
  Frame,
  Http2ErrorCode,
  type QueuedReader,
  ReadQueue,
} from '../../../src/net/http2/index.js';

import { callHeaders, codeOf, data, ping } from '../../support/raw-frames.js';
import { MemoryServer, OK_HEAD } from './served.js';

const nextTurn = () => new Promise(setImmediate);

/** Calls with more fields than the dynamic table has room for: about 8 kB and 30 µs each. */
const costly = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) =>
    callHeaders(
      1 + 2 * (from + index),
      '/a',
      Array.from({ length: 60 }, (_, at) => [`x-${at}`, 'y'.repeat(40)] as const),
    ),
  );

const pongs = (frames: readonly { type: number; flags: number }[]) =>
  frames.filter(({ type, flags }) => type === Frame.ping && flags === Flag.ack).length;

t.test('of what a peer sends in one go only a part is read at once; others are served in between', async (t) => {
  const server = new MemoryServer({ maxConcurrentStreams: 10_000 });
  const [busy, other] = [server.greeted().wire, server.greeted().wire];
  busy.feed(...costly(400), ping());
  const first = server.requests.length;
  t.ok(first > 10 && first < 100, `${first} requests were read at once`);
  t.ok(busy.isPaused, 'nothing more is taken of it meanwhile');
  other.feed(ping());
  t.equal(pongs(other.takeFrames()), 1);
  t.notOk(other.isPaused);
  for (let turn = 0; busy.isPaused && turn < 400; turn += 1) await nextTurn();
  t.notOk(busy.isPaused);
  t.same(
    server.requests.map(({ stream }) => stream.id),
    Array.from({ length: 400 }, (_, index) => 1 + 2 * index),
    'all have come, in their order',
  );
  t.equal(pongs(busy.takeFrames()), 1, 'and what stood behind them');
  busy.feed(ping());
  t.equal(pongs(busy.takeFrames()), 1);
});

t.test('what comes while there is more to read is read behind it', async (t) => {
  const server = new MemoryServer({ maxConcurrentStreams: 10_000 });
  const { wire } = server.greeted();
  wire.feed(...costly(100));
  wire.feed(costly(1, 100)[0]?.subarray(0, 20) ?? Buffer.alloc(0));
  wire.feed(costly(1, 100)[0]?.subarray(20) ?? Buffer.alloc(0), ping());
  while (wire.isPaused) await nextTurn();
  t.equal(server.last().stream.id, 201);
  t.equal(pongs(wire.takeFrames()), 1);
});

t.test('a connection that ends while it has more to read reads no more', async (t) => {
  for (const how of ['it hangs up', 'it is failed'] as const) {
    const server = new MemoryServer({ maxConcurrentStreams: 10_000 });
    const { wire, connection } = server.greeted();
    wire.feed(...costly(100));
    const read = server.requests.length;
    if (how === 'it hangs up') wire.hangUp();
    else connection.fail(Http2ErrorCode.enhanceYourCalm, 'of something else');
    t.equal(wire.isPaused, how === 'it hangs up', 'what is still to come is thrown away, and so read');
    await nextTurn();
    await nextTurn();
    t.equal(server.requests.length, read, how);
    t.equal(server.ends.length, 1);
    t.same(server.bugs, []);
  }
});

t.test('a fault in what is read later ends the connection as one in what is read at once', async (t) => {
  const server = new MemoryServer({ maxConcurrentStreams: 10_000 });
  const { wire } = server.greeted();
  wire.feed(...costly(100), data(0, Buffer.from('x')), ping());
  while (!wire.isEnded) await nextTurn();
  t.equal(server.requests.length, 100);
  const goAway = wire.takeFrames().filter(({ type }) => type === Frame.goAway);
  t.same(goAway.map(codeOf), [Http2ErrorCode.protocolError]);
  t.notOk(wire.isPaused);
});

t.test('answers go out with the turn that they belong to', async (t) => {
  const server = new MemoryServer({
    maxConcurrentStreams: 10_000,
    onRequest: (stream) => stream.respond(OK_HEAD),
  });
  const { wire } = server.greeted();
  wire.feed(...costly(100));
  const heads = () => wire.takeFrames().filter(({ type }) => type === Frame.headers).length;
  const first = heads();
  t.ok(first > 0 && first < 100);
  while (wire.isPaused) await nextTurn();
  t.equal(first + heads(), 100);
});

t.test('a slice ends by the clock, and the next one goes on with whoever has waited longest', async (t) => {
  let nowMs = 0;
  const queue = new ReadQueue({ now: () => nowMs });
  const order: string[] = [];
  const reader = (name: string, turns: number): QueuedReader => {
    let left = turns;
    return {
      readOn() {
        order.push(name);
        nowMs += 2;
        left -= 1;
        return left > 0;
      },
    };
  };
  queue.add(reader('a', 3));
  queue.add(reader('b', 1));
  queue.add(reader('c', 2));
  t.same(order, [], 'not within the turn that it was added in');
  await nextTurn();
  t.same(order, ['a', 'b'], 'two of 2 ms');
  await nextTurn();
  t.same(order, ['a', 'b', 'c', 'a']);
  await nextTurn();
  await nextTurn();
  t.same(order, ['a', 'b', 'c', 'a', 'c', 'a']);
});

t.test('of a server that is full readers have a slice, and the others wait for a pause', async (t) => {
  let isFull = true;
  let nowMs = 0;
  const pauses: (() => void)[] = [];
  const queue = new ReadQueue({ now: () => nowMs, isFull: () => isFull, after: (_ms, run) => pauses.push(run) });
  const order: string[] = [];
  const reader = (name: string): QueuedReader => ({
    readOn() {
      nowMs += 2;
      return order.push(name) < 0;
    },
  });
  t.equal(queue.isBusy, true, 'so that who sends many requests comes here');
  for (const name of ['a', 'b', 'c', 'd']) queue.add(reader(name));
  await nextTurn();
  t.same(order, []);
  pauses.shift()?.();
  t.same(order, ['a', 'b'], 'of 2 ms each');
  await nextTurn();
  t.same(order, ['a', 'b']);
  isFull = false;
  pauses.shift()?.();
  t.same(order, ['a', 'b', 'c', 'd'], 'and all as soon as there is room');
  t.equal(queue.isBusy, false);
  t.same(pauses, []);
});

/** A server whose requests take so long that few of them fill a turn, whatever they were charged. */
function slowServer(requestMs: number) {
  const server: MemoryServer = new MemoryServer({
    maxConcurrentStreams: 10_000,
    onRequest: (stream) => {
      server.nowMs += requestMs;
      served.push(stream.id);
    },
  });
  const served: number[] = [];
  return { server, served };
}

const calls = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => callHeaders(1 + 2 * (from + index), '/a'));

t.test('a turn is over by the clock, whatever the work in it was taken to cost', async (t) => {
  const { server, served } = slowServer(0.05);
  const { wire } = server.greeted();
  wire.feed(...calls(200));
  t.ok(served.length <= 20, `${served.length} requests of 50 µs each were read at once`);
  t.ok(wire.isPaused);
  while (wire.isPaused) await nextTurn();
  t.equal(served.length, 200);
});

t.test('while others wait, what comes of a connection that was busy of late waits as well', async (t) => {
  const { server, served } = slowServer(0.06);
  const [busy, queued, quiet] = [server.greeted().wire, server.greeted().wire, server.greeted().wire];
  busy.feed(...calls(10));
  for (let turn = 0; busy.isPaused && turn < 5; turn += 1) await nextTurn();
  t.notOk(busy.isPaused, 'all of it was read');
  queued.feed(...calls(200));
  t.ok(queued.isPaused);
  const before = served.length;
  busy.feed(...calls(10, 10), ping());
  t.equal(served.length, before, 'nothing of it was read at once');
  t.ok(busy.isPaused);
  quiet.feed(ping());
  t.equal(pongs(quiet.takeFrames()), 1, 'one that has asked for little is served at once');
  while (busy.isPaused || queued.isPaused) await nextTurn();
  t.equal(served.length, 10 + 200 + 10);
  t.equal(pongs(busy.takeFrames()), 1);

  server.nowMs += 1000;
  queued.feed(...calls(200, 200));
  t.ok(queued.isPaused);
  busy.feed(ping());
  t.equal(pongs(busy.takeFrames()), 1, 'after a second it is as quiet as any');
  while (queued.isPaused) await nextTurn();
});

/** Takes long to decode: a value of Huffman code. `0` is 00000. (RFC 7541 Appendix B) */
const huffmanCall = (streamId: number) => {
  const block = Buffer.concat([Buffer.from('838704022f78000161ffa19b01', 'hex'), Buffer.alloc(20_000)]);
  return encodeHeaders(streamId, block, 16_384, true);
};

t.test('long header blocks of all who send at once are decoded one by one, in slices', async (t) => {
  // Each takes as long as in code that has hardly run yet.
  const { server, served } = slowServer(8);
  const wires = [server.greeted().wire, server.greeted().wire, server.greeted().wire];
  const quiet = server.greeted().wire;
  for (const wire of wires) wire.feed(huffmanCall(1), huffmanCall(3));
  t.equal(served.length, 0, 'none of them in the turn in which they came');
  for (const count of [1, 2, 3, 4, 5, 6]) {
    quiet.feed(ping());
    t.equal(pongs(quiet.takeFrames()), 1, 'and meanwhile others are answered');
    await nextTurn();
    t.equal(served.length, count);
  }
  t.notOk(wires.some((wire) => wire.isPaused));
  const [wire] = wires;
  wire?.feed(...calls(1, 4), ping());
  t.equal(pongs(wire?.takeFrames() ?? []), 1, 'what is short is read at once, once none waits');
});

t.test('of a connection that ends, thousands of streams hear of it in turns', async (t) => {
  const server = new MemoryServer({ maxConcurrentStreams: 10_000 });
  const { wire } = server.greeted();
  wire.feed(...calls(1000));
  while (wire.isPaused) await nextTurn();
  t.equal(server.requests.length, 1000);
  const closed = () => server.requests.filter(({ closedCount }) => closedCount === 1).length;
  wire.hangUp();
  t.equal(server.ends.length, 1, 'the connection is over at once');
  t.ok(closed() > 0 && closed() <= 100, `${closed()} streams at once`);
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();
  t.equal(closed(), 1000);
  t.equal(server.ends.length, 1);
  t.same(server.bugs, []);
});
