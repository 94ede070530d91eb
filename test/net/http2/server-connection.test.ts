import t from 'tap';
import {
  encodeFrame,
  encodeHeaderBlock,
  encodeHeaders,
  encodeSettings,
  Flag,
  Frame,
  Http2ErrorCode,
  Setting,
} from '../../../src/net/http2/index.js';
import {
  callHeaders,
  codeOf,
  data,
  opening,
  ping,
  type RawFrame,
  reset,
  windowUpdate,
} from '../../support/raw-frames.js';
import { MemoryServer, OK_HEAD, TRAILERS } from './served.js';

const NOTHING = Buffer.alloc(0);

const ofType = (frames: readonly RawFrame[], type: number) => frames.filter((frame) => frame.type === type);
const textOf = (frames: readonly RawFrame[]) =>
  Buffer.concat(ofType(frames, Frame.data).map((f) => f.payload)).toString();
const setting = (id: number, value: number) => encodeSettings([[id, value]]);

t.test('a conversation reads the same in pieces of whatever size', async (t) => {
  const bytes = Buffer.concat([
    ...[opening(), callHeaders(1, '/a'), data(1, Buffer.from('hello ')), ping(), data(1, Buffer.from('world'), true)],
  ]);
  for (let size = 1; size <= bytes.length; size += size < 20 ? 1 : 17) {
    const server = new MemoryServer();
    const { wire } = server.connect();
    for (let at = 0; at < bytes.length; at += size) wire.feed(bytes.subarray(at, at + size));
    const { content, endedCount, closedCount } = server.last();
    t.same(
      { content, endedCount, closedCount },
      { content: 'hello world', endedCount: 1, closedCount: 0 },
      `${size} bytes`,
    );
    t.equal(ofType(wire.takeFrames(), Frame.ping).length, 1);
  }
});

t.test('a head that is refused leaves the table of fields as its peer has it', async (t) => {
  const server = new MemoryServer();
  const { wire } = server.greeted();
  // `x: y` into the dynamic table, of a request that depends on itself. (RFC 7541 §6.2.1)
  const keeps = Buffer.concat([Buffer.of(0, 0, 0, 1, 16), Buffer.from('838684410161400178017a', 'hex')]);
  wire.feed(encodeFrame(Frame.headers, Flag.endHeaders | Flag.priority, 1, keeps));
  t.same(ofType(wire.takeFrames(), Frame.resetStream).map(codeOf), [Http2ErrorCode.protocolError]);
  // Its entry 62 is that one; 63 is the authority of the same head.
  wire.feed(encodeHeaders(3, Buffer.from('838684bfbe', 'hex').subarray(0, 3), 16_384));
  wire.feed(encodeHeaders(5, Buffer.from('838684be', 'hex'), 16_384));
  t.same(server.last().head.fields, [['x', 'z']]);
});

/** A head as above, whose second part is in CONTINUATION frames, from `cuts` on. */
const cutHeads = [
  { name: 'behind its first fields', cuts: [2] },
  { name: 'within a field', cuts: [8] },
  { name: 'right behind the priority', cuts: [0] },
  { name: 'before its end', cuts: [10] },
  { name: 'in four, two of them empty', cuts: [3, 3, 10] },
];
for (const { name, cuts } of cutHeads) {
  for (const isPadded of [false, true]) {
    for (const isOpen of [false, true]) {
      const what = `${isPadded ? 'padded, ' : ''}of ${isOpen ? 'a stream that is open' : 'a new stream'}`;
      t.test(`a head that depends on itself is refused when all of it has come: cut ${name}, ${what}`, async (t) => {
        const server = new MemoryServer();
        const { wire } = server.greeted();
        if (isOpen) wire.feed(callHeaders(1, '/a'));
        // (RFC 7540 §5.3.1, §6.2; RFC 7541 §6.2.1: `x: z` into the table)
        const block = Buffer.from('838684410161400178017a', 'hex');
        const parts = [...cuts, block.length].map((end, index) => block.subarray(cuts[index - 1] ?? 0, end));
        const [first = NOTHING, ...others] = parts;
        const head = Buffer.concat([Buffer.of(0, 0, 0, 1, 16), first]);
        const flags = Flag.priority | Flag.endStream;
        wire.feed(
          isPadded
            ? encodeFrame(Frame.headers, flags | Flag.padded, 1, Buffer.concat([Buffer.of(3), head, Buffer.alloc(3)]))
            : encodeFrame(Frame.headers, flags, 1, head),
        );
        for (const [index, part] of others.entries()) {
          t.same(wire.takeFrames(), [], 'the table of fields needs all of it');
          const isLast = index === others.length - 1;
          wire.feed(encodeFrame(Frame.continuation, isLast ? Flag.endHeaders : 0, 1, part));
        }
        const answers = wire.takeFrames();
        t.same(answers.map(codeOf), [Http2ErrorCode.protocolError]);
        t.match(answers, [{ type: Frame.resetStream, streamId: 1 }]);
        t.equal(server.requests.length, isOpen ? 1 : 0);
        wire.feed(encodeHeaders(3, Buffer.from('838684be', 'hex'), 16_384));
        t.same(server.last().head.fields, [['x', 'z']], 'its fields are in the table, and the connection goes on');
        t.same(server.ends, []);
      });
    }
  }
}

const spaced = [
  { name: 'a space behind it', value: 'y ', want: 'y' },
  { name: 'a tab and a space before it', value: '\t y', want: 'y' },
  { name: 'nothing else', value: ' \t', want: '' },
  { name: 'a space inside, too', value: ' y z ', want: 'y z' },
];
for (const { name, value, want } of spaced) {
  t.test(`row 22: of a field's value with ${name} the ends are left out, and its request is served`, async (t) => {
    const server = new MemoryServer();
    const { wire } = server.greeted();
    const fields = [['x', value] as const, ['z', 'next'] as const];
    wire.feed(
      callHeaders(1, '/a', fields),
      data(1, NOTHING),
      encodeHeaders(1, encodeHeaderBlock(fields), 16_384, true),
    );
    t.same(wire.takeFrames(), []);
    t.same(server.last().head.fields.slice(-2), [
      ['x', want],
      ['z', 'next'],
    ]);
    t.equal(server.last().endedCount, 1, 'also behind its content');
  });
}

for (const [name, value] of [
  ['a zero', 'a\0b'],
  ['a line feed', 'a\nb'],
  ['a carriage return at its end', 'a\r'],
] as const) {
  t.test(`a field's value with ${name} resets its stream, and no other`, async (t) => {
    const server = new MemoryServer();
    const { wire } = server.greeted();
    wire.feed(callHeaders(1, '/a', [['x', value]]), callHeaders(3, '/a'));
    t.same(ofType(wire.takeFrames(), Frame.resetStream).map(codeOf), [Http2ErrorCode.protocolError]);
    t.equal(server.requests.length, 1);
  });
}

t.test('padding counts for windows, and not for content-length', async (t) => {
  const server = new MemoryServer();
  const { wire } = server.greeted();
  wire.feed(callHeaders(1, '/a', [['content-length', '5']]));
  wire.feed(encodeFrame(Frame.data, Flag.padded | Flag.endStream, 1, Buffer.from('\x08hello        ')));
  t.same(wire.takeFrames(), []);
  t.match(server.last(), { content: 'hello', endedCount: 1 });
  wire.feed(encodeFrame(Frame.data, Flag.padded, 1, Buffer.from('\x08hello')));
  t.match(server.ends, [{ code: Http2ErrorCode.protocolError }]);
});

const lengths = [
  { name: 'too little', declared: '6', content: 'hello' },
  { name: 'too much', declared: '4', content: 'hello' },
];
for (const { name, declared, content } of lengths) {
  t.test(`${name} for its content-length ends a request, and no other`, async (t) => {
    const server = new MemoryServer();
    const { wire } = server.greeted();
    wire.feed(
      callHeaders(1, '/a'),
      callHeaders(3, '/a', [['content-length', declared]]),
      data(3, Buffer.from(content), true),
    );
    t.same(
      ofType(wire.takeFrames(), Frame.resetStream).map((f) => [f.streamId, codeOf(f)]),
      [[3, Http2ErrorCode.protocolError]],
    );
    t.same(
      server.requests.map(({ closedCount }) => closedCount),
      [0, 1],
    );
  });
}

t.test('a window that SETTINGS have put below zero is waited for, to the byte', async (t) => {
  const server = new MemoryServer();
  const { wire } = server.greeted();
  wire.feed(callHeaders(1, '/a'));
  const { stream } = server.last();
  stream.begin(OK_HEAD);
  let written = 0;
  stream.send(Buffer.from('0123456789'), NOTHING, () => written++);
  t.equal(textOf(wire.takeFrames()), '0123456789');
  wire.feed(setting(Setting.initialWindowSize, 4));
  // Ten were sent where now four may be: six below zero.
  stream.send(Buffer.from('abc'), Buffer.from('def'), () => written++);
  stream.send(NOTHING, NOTHING, () => written++);
  stream.end(TRAILERS);
  wire.feed(windowUpdate(1, 6));
  t.equal(textOf(wire.takeFrames()), '');
  wire.feed(windowUpdate(1, 2));
  t.equal(textOf(wire.takeFrames()), 'ab');
  wire.feed(windowUpdate(1, 3));
  t.equal(textOf(wire.takeFrames()), 'cde');
  t.equal(written, 1);
  wire.feed(setting(Setting.initialWindowSize, 5));
  const frames = wire.takeFrames();
  t.equal(textOf(frames), 'f');
  t.same(
    ofType(frames, Frame.headers).map(({ flags }) => flags),
    [Flag.endHeaders | Flag.endStream],
  );
  t.equal(written, 3);
});

t.test('the window of the connection is shared, and what waits for it goes out in order', async (t) => {
  const server = new MemoryServer();
  const { wire } = server.greeted();
  wire.feed(setting(Setting.initialWindowSize, 1_000_000), callHeaders(1, '/a'), callHeaders(3, '/b'));
  for (const { stream } of server.requests) {
    stream.begin(OK_HEAD);
    stream.send(Buffer.alloc(50_000, String(stream.id)), NOTHING);
  }
  const bytesOf = (frames: readonly RawFrame[], id: number) => textOf(frames.filter((f) => f.streamId === id)).length;
  const first = wire.takeFrames();
  t.same(
    [1, 3].map((id) => bytesOf(first, id)),
    [50_000, 15_535],
  );
  wire.feed(windowUpdate(0, 100));
  t.equal(bytesOf(wire.takeFrames(), 3), 100);
  wire.feed(windowUpdate(0, 100_000));
  t.equal(bytesOf(wire.takeFrames(), 3), 50_000 - 15_535 - 100);
});

t.test('memory is given back once, however a stream ends', async (t) => {
  const ways = [
    { name: 'reset', end: (feed: (...parts: Buffer[]) => void) => feed(reset(1)) },
    { name: 'broken connection', end: (feed: (...parts: Buffer[]) => void) => feed(windowUpdate(0, 0)) },
  ];
  for (const { name, end } of ways) {
    const server = new MemoryServer();
    const { wire } = server.greeted();
    wire.feed(setting(Setting.initialWindowSize, 0), callHeaders(1, '/a'));
    const { stream } = server.last();
    let written = 0;
    stream.begin(OK_HEAD);
    for (let count = 0; count < 3; count += 1) stream.send(Buffer.from('x'), NOTHING, () => written++);
    end((...parts) => wire.feed(...parts));
    t.equal(written, 3, name);
    stream.send(Buffer.from('late'), NOTHING, () => written++);
    t.equal(written, 4, name);
    t.equal(server.last().closedCount, 1, name);
  }
});

t.test('connections that share an outbox do not get each other’s frames', async (t) => {
  const server = new MemoryServer();
  const [a, b] = [server.greeted(), server.greeted()];
  a.wire.feed(callHeaders(1, '/a'));
  b.wire.feed(callHeaders(1, '/b'));
  const [ofA, ofB] = server.requests;
  ofA?.stream.begin(OK_HEAD);
  ofB?.stream.begin(OK_HEAD);
  ofA?.stream.send(Buffer.from('to a'), NOTHING);
  ofB?.stream.send(Buffer.from('to b'), NOTHING);
  const shapeOf = (frames: readonly RawFrame[]) => frames.map(({ type }) => type);
  const [toA, toB] = [a.wire.takeFrames(), b.wire.takeFrames()];
  t.same([textOf(toA), textOf(toB)], ['to a', 'to b']);
  t.same(
    [shapeOf(toA), shapeOf(toB)],
    [
      [Frame.headers, Frame.data],
      [Frame.headers, Frame.data],
    ],
  );
});

const strangers = [
  { name: 'a request of HTTP/1', text: 'POST /v3 HTTP/1.1\r\n', got: 'HTTP/1' },
  { name: 'one that begins as the preface does', text: 'PRINT / HTTP/1.1\r\n', got: 'HTTP/1' },
  { name: 'a hello of TLS', text: '\x16\x03\x01', got: 'an unknown protocol' },
] as const;
for (const { name, text, got } of strangers) {
  t.test(`${name} ends the connection, however it comes, and the reason says what it was`, async (t) => {
    for (const split of [0, 1, 2]) {
      const server = new MemoryServer();
      const { wire } = server.connect();
      if (split > 0) wire.feed(Buffer.from(text.slice(0, split)));
      wire.feed(Buffer.from(text.slice(split)));
      t.ok(wire.isDestroyed);
      t.same(server.ends, [{ code: Http2ErrorCode.protocolError, reason: `got ${got}, expected HTTP/2` }]);
    }
  });
}

t.test('GOAWAY lets open streams end, refuses further ones, and then ends the connection', async (t) => {
  const server = new MemoryServer();
  const { wire, connection } = server.greeted();
  wire.feed(callHeaders(1, '/a'));
  connection.goAway();
  connection.goAway();
  wire.feed(callHeaders(3, '/a'));
  const frames = wire.takeFrames();
  t.same(
    frames.map(({ type }) => type),
    [Frame.goAway, Frame.resetStream],
  );
  t.same(frames.map(codeOf), [Http2ErrorCode.noError, Http2ErrorCode.refusedStream]);
  t.notOk(wire.isEnded);
  server.last().stream.respond(OK_HEAD);
  t.ok(wire.isEnded);
  t.same(server.ends, [{ code: Http2ErrorCode.noError, reason: '' }]);
});

t.test('what a server throws ends one connection, with its streams told once', async (t) => {
  const server = new MemoryServer();
  const { wire } = server.greeted();
  wire.feed(callHeaders(1, '/a'));
  const request = server.last();
  const { events } = request.stream;
  request.stream.events = {
    data: () => {
      throw new TypeError('bug');
    },
    ended: () => {},
    closed: () => events?.closed(),
  };
  wire.feed(data(1, Buffer.from('x')));
  t.match(server.bugs, [{ message: 'bug' }]);
  t.same(ofType(wire.takeFrames(), Frame.goAway).map(codeOf), [Http2ErrorCode.internalError]);
  t.equal(request.closedCount, 1);
  wire.feed(data(1, Buffer.from('x')));
  wire.hangUp();
  t.equal(server.ends.length, 1);
});

t.test('a stream above the announced number is refused, until another has ended', async (t) => {
  const server = new MemoryServer({ maxConcurrentStreams: 2 });
  const { wire } = server.greeted();
  wire.feed(callHeaders(1, '/a'), callHeaders(3, '/a'), callHeaders(5, '/a'));
  t.same(
    ofType(wire.takeFrames(), Frame.resetStream).map((f) => [f.streamId, codeOf(f)]),
    [[5, Http2ErrorCode.refusedStream]],
  );
  wire.feed(reset(1), callHeaders(7, '/a'));
  t.same(wire.takeFrames(), []);
  t.equal(server.requests.length, 3);
});

const idle = [
  { name: 'DATA', bytes: data(2, Buffer.from('x')) },
  { name: 'RST_STREAM', bytes: reset(2) },
  { name: 'WINDOW_UPDATE', bytes: windowUpdate(2, 1) },
];
for (const { name, bytes } of idle) {
  t.test(`${name} on a stream of ours, which never begins, ends the connection`, async (t) => {
    const server = new MemoryServer();
    const { wire } = server.greeted();
    wire.feed(callHeaders(1, '/a'), callHeaders(3, '/a'), bytes);
    t.same(ofType(wire.takeFrames(), Frame.goAway).map(codeOf), [Http2ErrorCode.protocolError]);
  });
}

const malformed: readonly { name: string; bytes: Buffer }[] = [
  { name: 'a path that is none', bytes: callHeaders(1, 'a') },
  { name: 'a path for OPTIONS', bytes: callHeaders(1, '*') },
  { name: 'a break in a path', bytes: callHeaders(1, '/a\nb') },
  {
    name: 'two lengths',
    bytes: callHeaders(1, '/a', [
      ['content-length', '1'],
      ['content-length', '2'],
    ]),
  },
];
for (const { name, bytes } of malformed) {
  t.test(`a request with ${name} is malformed, and ends alone`, async (t) => {
    const server = new MemoryServer();
    const { wire } = server.greeted();
    wire.feed(bytes, callHeaders(3, '/a'));
    t.same(
      ofType(wire.takeFrames(), Frame.resetStream).map((f) => [f.streamId, codeOf(f)]),
      [[1, Http2ErrorCode.protocolError]],
    );
    t.same(
      server.requests.map(({ stream }) => stream.id),
      [3],
    );
  });
}
