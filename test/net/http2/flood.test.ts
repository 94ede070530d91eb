import t from 'tap';
import { encodeFrame, Flag, Frame, Http2ErrorCode } from '../../../src/net/http2/index.js';
import { callHeaders, codeOf, data, ping, type RawFrame, reset, windowUpdate } from '../../support/raw-frames.js';
import { MemoryServer, OK_HEAD, TRAILERS } from './served.js';

const NOTHING = Buffer.alloc(0);
const SETTINGS = encodeFrame(Frame.settings, 0, 0, NOTHING);
const PRIORITY = encodeFrame(Frame.priority, 0, 1, Buffer.from([0, 0, 0, 9, 1]));

const goAwayOf = (frames: readonly RawFrame[]) => frames.filter(({ type }) => type === Frame.goAway).map(codeOf);

/** Each as the frames of its `count`-th step, on a connection with stream 1 open. */
const floods: readonly { name: string; step: (count: number) => Buffer[] }[] = [
  { name: 'PING', step: () => [ping()] },
  { name: 'answers to PINGs that nobody sent', step: () => [encodeFrame(Frame.ping, Flag.ack, 0, Buffer.alloc(8))] },
  { name: 'SETTINGS', step: () => [SETTINGS] },
  { name: 'ACKs of SETTINGS', step: () => [encodeFrame(Frame.settings, Flag.ack, 0, NOTHING)] },
  { name: 'PRIORITY', step: () => [PRIORITY] },
  { name: 'WINDOW_UPDATE', step: () => [windowUpdate(0, 1)] },
  { name: 'GOAWAY', step: () => [encodeFrame(Frame.goAway, 0, 0, Buffer.alloc(8))] },
  { name: 'empty DATA', step: () => [data(1, NOTHING)] },
  { name: 'unknown frames', step: () => [encodeFrame(0xbb, 0, 1, NOTHING)] },
  { name: 'rapid reset', step: (count) => [callHeaders(3 + 2 * count, '/a'), reset(3 + 2 * count)] },
  { name: 'malformed requests', step: (count) => [callHeaders(3 + 2 * count, '', [['Bad', '']])] },
  {
    name: 'DATA for a stream that was reset',
    step: (count) => [...(count === 0 ? [reset(1)] : []), data(1, Buffer.of(1))],
  },
];
for (const { name, step } of floods) {
  t.test(`row 65: a flood of ${name} ends its connection within 20 000 of them, with ENHANCE_YOUR_CALM`, async (t) => {
    const server = new MemoryServer();
    const { wire } = server.greeted();
    wire.feed(callHeaders(1, '/a'));
    let count = 0;
    for (; !wire.isEnded && count <= 20_000; count += 1) wire.feed(...step(count));
    t.ok(wire.isEnded, 'ended');
    t.same(goAwayOf(wire.takeFrames()), [Http2ErrorCode.enhanceYourCalm]);
    t.match(server.ends, [{ code: Http2ErrorCode.enhanceYourCalm }]);
    t.same(server.bugs, []);
  });
}

t.test('row 65: the same frames at the pace of an honest peer go on for ever', async (t) => {
  const server = new MemoryServer();
  const { wire } = server.greeted();
  for (let count = 0; count < 60_000; count += 1) {
    server.nowMs += 1;
    wire.feed(ping());
    wire.takeFrames();
  }
  t.notOk(wire.isEnded);
});

t.test('row 65: what our own messages bring about is no flood, at whatever pace', async (t) => {
  const server = new MemoryServer();
  const { wire } = server.greeted();
  wire.feed(callHeaders(1, '/a'));
  const { stream } = server.last();
  stream.begin(OK_HEAD);
  for (let count = 0; count < 60_000; count += 1) {
    stream.send(Buffer.from('push'), NOTHING);
    wire.feed(windowUpdate(1, 4), windowUpdate(0, 4), ping(), data(1, Buffer.from('ACK')));
    wire.takeFrames();
  }
  t.notOk(wire.isEnded);
});

t.test('row 65: a header block that does not end is cut off after 32 frames or 128 kB', async (t) => {
  const cases = [
    { name: 'empty', fragment: NOTHING, most: 33 },
    { name: 'full', fragment: Buffer.alloc(16_384), most: 9 },
  ];
  for (const { name, fragment, most } of cases) {
    const server = new MemoryServer();
    const { wire } = server.greeted();
    wire.feed(encodeFrame(Frame.headers, 0, 1, NOTHING));
    let count = 0;
    for (; !wire.isEnded && count <= most; count += 1) wire.feed(encodeFrame(Frame.continuation, 0, 1, fragment));
    t.ok(count <= most, `${name}: ${count}`);
    t.same(goAwayOf(wire.takeFrames()), [Http2ErrorCode.enhanceYourCalm], name);
  }
});

t.test('row 65: a head above the limit is answered with 431, and its connection goes on', async (t) => {
  const server = new MemoryServer();
  const { wire } = server.greeted();
  wire.feed(callHeaders(1, '/a', [['x', 'x'.repeat(70_000)]]), callHeaders(3, '/a'));
  while (wire.isPaused) await new Promise(setImmediate);
  const [answer] = wire.takeFrames();
  t.match(answer, { type: Frame.headers, streamId: 1 });
  t.match(answer?.payload.toString('latin1'), '431');
  t.same(
    server.requests.map(({ stream }) => stream.id),
    [3],
  );
  t.notOk(wire.isEnded);
});

t.test('row 61: a peer that asks for content of its own, and never reads it, is ended with 16 MiB of it', async (t) => {
  const content = Buffer.alloc(10_000, 1);
  const answered = { own: 0, shared: 0 };
  for (const kind of ['own', 'shared'] as const) {
    const server = new MemoryServer({
      onRequest: (stream) => {
        stream.begin(OK_HEAD);
        if (kind === 'own') stream.send(content, Buffer.alloc(0));
        else stream.send(content, Buffer.alloc(0), () => {});
        stream.end(TRAILERS);
      },
    });
    const { wire } = server.greeted();
    wire.feed(windowUpdate(0, 2 ** 30));
    wire.isStuck = true;
    for (; !wire.isEnded && answered[kind] < 3000; answered[kind] += 1) {
      wire.feed(callHeaders(1 + 2 * answered[kind], '/a'));
    }
  }
  t.ok(answered.own > 1600 && answered.own < 1700, `${answered.own} answers of 10 kB`);
  t.equal(answered.shared, 3000, 'what streams share costs no more for each');
});

t.test('row 61: a peer that asks and never reads is ended before much more than a megabyte waits for it', async (t) => {
  const server = new MemoryServer({
    onRequest: (stream) => stream.respond(Buffer.alloc(200, 1)),
  });
  const { wire } = server.greeted();
  wire.isStuck = true;
  let count = 0;
  for (; !wire.isEnded && count < 19_000; count += 1) wire.feed(callHeaders(1 + 2 * count, '/a'));
  t.ok(wire.isEnded);
  t.ok(count < 5600, `${count} requests of 200 bytes`);
});

t.test('row 61: a peer that has read each answer by the time that it asks again may ask for ever', async (t) => {
  const server = new MemoryServer({
    onRequest: (stream) => stream.respond(Buffer.alloc(200, 1)),
  });
  const { wire } = server.greeted();
  for (let count = 0; count < 19_000; count += 1) {
    // What is answered waits until the peer has time for it.
    wire.isStuck = true;
    server.nowMs += 1;
    wire.feed(callHeaders(1 + 2 * count, '/a'));
    wire.read();
  }
  t.notOk(wire.isEnded);
});
