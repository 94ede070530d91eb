import t from 'tap';
import { ErrorCode, Flag, Frame, type QueuedReader, ReadQueue } from '../../src/http2/index.js';
import { callHeaders, codeOf, data, ping } from '../support/raw-frames.js';
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
    else connection.fail(ErrorCode.enhanceYourCalm, 'of something else');
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
  t.same(goAway.map(codeOf), [ErrorCode.protocolError]);
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
  const queue = new ReadQueue(() => nowMs);
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
