import t from 'tap';
import {
  encodeFrame,
  encodeHeaderBlock,
  encodeHeaders,
  encodeSettings,
  Flag,
  Frame,
  type HeaderField,
  Http2ErrorCode,
  Setting,
} from '../../../src/net/http2/index.js';
import { codeOf, data, ping, reset, windowUpdate } from '../../support/raw-frames.js';
import { Asked, MemoryClient } from './asked.js';

const NOTHING = Buffer.alloc(0);
const head = (fields: readonly HeaderField[], isLast = false, streamId = 1) =>
  encodeHeaders(streamId, encodeHeaderBlock(fields), 16_384, isLast);
const OK = head([[':status', '200']]);
const raw = (type: number, flags: number, streamId: number, payload: Buffer | string = NOTHING) =>
  encodeFrame(type, flags, streamId, Buffer.from(payload));

/** Behind the SETTINGS of a server, with the requests 1 and 3 open. */
const ofConnection: readonly { name: string; bytes: readonly Buffer[]; code: number }[] = [
  { name: 'PUSH_PROMISE', bytes: [raw(Frame.pushPromise, 4, 1, '\0\0\0\x02')], code: Http2ErrorCode.protocolError },
  { name: 'ENABLE_PUSH', bytes: [encodeSettings([[Setting.enablePush, 1]])], code: Http2ErrorCode.protocolError },
  { name: 'a part of a setting', bytes: [raw(Frame.settings, 0, 0, 'abc')], code: Http2ErrorCode.frameSizeError },
  { name: 'an ACK with settings', bytes: [raw(Frame.settings, 1, 0, 'abcdef')], code: Http2ErrorCode.frameSizeError },
  { name: 'SETTINGS on a stream', bytes: [raw(Frame.settings, 0, 1)], code: Http2ErrorCode.protocolError },
  { name: 'a PING of 7 octets', bytes: [raw(Frame.ping, 0, 0, '1234567')], code: Http2ErrorCode.frameSizeError },
  { name: 'a PING on a stream', bytes: [raw(Frame.ping, 0, 1, '12345678')], code: Http2ErrorCode.protocolError },
  { name: 'half a GOAWAY', bytes: [raw(Frame.goAway, 0, 0, '1234')], code: Http2ErrorCode.frameSizeError },
  { name: 'GOAWAY on a stream', bytes: [raw(Frame.goAway, 0, 1, '12345678')], code: Http2ErrorCode.protocolError },
  { name: 'HEADERS for a stream that never began', bytes: [head([], false, 5)], code: Http2ErrorCode.protocolError },
  { name: 'HEADERS for a stream of its own', bytes: [head([], false, 2)], code: Http2ErrorCode.protocolError },
  { name: 'HEADERS without a stream', bytes: [head([], false, 0)], code: Http2ErrorCode.protocolError },
  { name: 'DATA for a stream that never began', bytes: [data(5, NOTHING)], code: Http2ErrorCode.protocolError },
  { name: 'RST_STREAM for one that never began', bytes: [reset(5)], code: Http2ErrorCode.protocolError },
  { name: 'RST_STREAM of 3 octets', bytes: [raw(Frame.resetStream, 0, 1, 'abc')], code: Http2ErrorCode.frameSizeError },
  { name: 'WINDOW_UPDATE for one that never began', bytes: [windowUpdate(5, 1)], code: Http2ErrorCode.protocolError },
  { name: 'WINDOW_UPDATE of 0', bytes: [windowUpdate(0, 0)], code: Http2ErrorCode.protocolError },
  { name: 'a window above 2^31-1', bytes: [windowUpdate(0, 2 ** 31 - 1)], code: Http2ErrorCode.flowControlError },
  {
    name: 'windows of streams above 2^31-1',
    bytes: [windowUpdate(1, 2 ** 30), encodeSettings([[Setting.initialWindowSize, 2 ** 31 - 1]])],
    code: Http2ErrorCode.flowControlError,
  },
  { name: 'a frame above 16 384 octets', bytes: [data(1, Buffer.alloc(16_385))], code: Http2ErrorCode.frameSizeError },
  {
    name: 'PRIORITY without a stream',
    bytes: [raw(Frame.priority, 0, 0, '12345')],
    code: Http2ErrorCode.protocolError,
  },
  { name: 'CONTINUATION alone', bytes: [raw(Frame.continuation, 4, 1)], code: Http2ErrorCode.protocolError },
  { name: 'a frame in a header block', bytes: [raw(Frame.headers, 0, 1), ping()], code: Http2ErrorCode.protocolError },
  {
    name: 'DATA in a header block',
    bytes: [raw(Frame.headers, 0, 1), data(1, NOTHING)],
    code: Http2ErrorCode.protocolError,
  },
  {
    name: 'a header block without end',
    bytes: [raw(Frame.headers, 0, 1), ...Array.from({ length: 40 }, () => raw(Frame.continuation, 0, 1, 'a'))],
    code: Http2ErrorCode.enhanceYourCalm,
  },
  {
    name: 'fields that do not parse',
    bytes: [raw(Frame.headers, 4, 1, '\xff')],
    code: Http2ErrorCode.compressionError,
  },
  {
    name: 'an index of no table',
    bytes: [raw(Frame.headers, 4, 1, Buffer.of(0xff, 0))],
    code: Http2ErrorCode.compressionError,
  },
  { name: 'more padding than frame', bytes: [OK, raw(Frame.data, 8, 1, '\x05a')], code: Http2ErrorCode.protocolError },
];
for (const { name, bytes, code } of ofConnection) {
  t.test(`${name} ends the connection`, async (t) => {
    const client = MemoryClient.greeted();
    const all = client.ask(2);
    client.feed(...bytes, ping());
    t.equal(client.ends.length, 1);
    t.match(client.ends[0], /^(?:got|hpack: got|huffman: got) /);
    t.equal(client.connection.isUsable, false);
    const frames = await client.takeFrames();
    t.same(frames.filter(({ type }) => type === Frame.goAway).map(codeOf), [code]);
    t.notOk(
      frames.some(({ type, flags }) => type === Frame.ping && flags === Flag.ack),
      'what follows is not read',
    );
    t.same(
      all.flatMap(({ told }) => told.filter((text) => text.startsWith('closed'))),
      [],
      'whoever owns the connection tells the requests',
    );
  });
}

t.test('a server that begins with anything but SETTINGS is none', async (t) => {
  for (const bytes of [
    ping(),
    encodeFrame(Frame.settings, Flag.ack, 0, NOTHING),
    Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
  ]) {
    const client = new MemoryClient();
    client.connection.open();
    client.feed(bytes);
    t.equal(client.ends.length, 1);
  }
});

const ofStream: readonly { name: string; bytes: readonly Buffer[]; code: number }[] = [
  { name: 'no :status', bytes: [head([['x', 'y']])], code: Http2ErrorCode.protocolError },
  { name: 'no field at all', bytes: [head([])], code: Http2ErrorCode.protocolError },
  { name: 'a :status of two digits', bytes: [head([[':status', '20']])], code: Http2ErrorCode.protocolError },
  {
    name: 'a second :status',
    bytes: [
      head([
        [':status', '200'],
        [':status', '200'],
      ]),
    ],
    code: Http2ErrorCode.protocolError,
  },
  {
    name: 'a name in capitals',
    bytes: [
      head([
        [':status', '200'],
        ['Bad', ''],
      ]),
    ],
    code: Http2ErrorCode.protocolError,
  },
  {
    name: 'a break in a value',
    bytes: [
      head([
        [':status', '200'],
        ['x', 'a\r\nb'],
      ]),
    ],
    code: Http2ErrorCode.protocolError,
  },
  {
    name: 'a length that is none',
    bytes: [
      head([
        [':status', '200'],
        ['content-length', 'x'],
      ]),
    ],
    code: Http2ErrorCode.protocolError,
  },
  {
    name: 'two lengths',
    bytes: [
      head([
        [':status', '200'],
        ['content-length', '1'],
        ['content-length', '2'],
      ]),
    ],
    code: Http2ErrorCode.protocolError,
  },
  ...(['connection', 'transfer-encoding', 'te'] as const).map((name) => ({
    name: `the field ${name}`,
    bytes: [
      head([
        [':status', '200'],
        [name, 'gzip'],
      ]),
    ],
    code: Http2ErrorCode.protocolError,
  })),
  {
    name: 'trailers with a field of HTTP/1',
    bytes: [OK, head([['connection', 'x']], true)],
    code: Http2ErrorCode.protocolError,
  },
  { name: 'PRIORITY of four octets', bytes: [raw(Frame.priority, 0, 1, '1234')], code: Http2ErrorCode.frameSizeError },
  {
    name: 'more content than its length',
    bytes: [
      head([
        [':status', '200'],
        ['content-length', '1'],
      ]),
      data(1, Buffer.from('ab')),
    ],
    code: Http2ErrorCode.protocolError,
  },
  {
    name: 'less content than its length',
    bytes: [
      head([
        [':status', '200'],
        ['content-length', '3'],
      ]),
      data(1, Buffer.from('ab'), true),
    ],
    code: Http2ErrorCode.protocolError,
  },
  {
    name: 'an end behind an interim response',
    bytes: [head([[':status', '103']], true)],
    code: Http2ErrorCode.protocolError,
  },
  { name: 'content before its head', bytes: [data(1, NOTHING)], code: Http2ErrorCode.protocolError },
  { name: 'trailers without an end', bytes: [OK, head([['x', 'y']])], code: Http2ErrorCode.protocolError },
  {
    name: 'trailers with a :status',
    bytes: [OK, head([[':status', '200']], true)],
    code: Http2ErrorCode.protocolError,
  },
  { name: 'WINDOW_UPDATE of 0', bytes: [windowUpdate(1, 0)], code: Http2ErrorCode.protocolError },
  { name: 'a window above 2^31-1', bytes: [windowUpdate(1, 2 ** 31 - 1)], code: Http2ErrorCode.flowControlError },
];
for (const { name, bytes, code } of ofStream) {
  t.test(`an answer with ${name} fails, and no other`, async (t) => {
    const client = MemoryClient.greeted();
    const [bad, good] = client.ask(2);
    client.feed(...bytes);
    client.feed(
      head(
        [
          [':status', '200'],
          ['grpc-status', '0'],
        ],
        true,
        3,
      ),
    );
    t.equal(bad?.told.at(-1), `closed ${code}`);
    t.same(good?.told, ['head 200 grpc-status=0', 'closed 0']);
    const resets = (await client.takeFrames()).filter(({ type }) => type === Frame.resetStream);
    t.same(
      resets.map((f) => [f.streamId, codeOf(f)]),
      [[1, code]],
    );
    t.same(client.ends, []);
  });
}

t.test(
  'a list of headers above 64 kB fails its answer, and the next one is read with the table as its peer has it',
  async (t) => {
    const client = MemoryClient.greeted();
    const [bad, good] = client.ask(2);
    // `x: y` goes into the table first; then 80 times 1 kB. (RFC 7541 §6.2.1)
    const block = Buffer.concat([
      Buffer.from('884001780179', 'hex'),
      encodeHeaderBlock(Array.from({ length: 80 }, () => ['z', 'z'.repeat(1000)] as const)),
    ]);
    client.feed(encodeHeaders(1, block, 16_384), encodeHeaders(3, Buffer.from('88be', 'hex'), 16_384, true));
    t.same(bad?.told, [`closed ${Http2ErrorCode.enhanceYourCalm}`]);
    t.same(good?.told, ['head 200 x=y', 'closed 0']);
  },
);

const floods: readonly { name: string; step: Buffer }[] = [
  { name: 'PING', step: ping() },
  { name: 'answers to PINGs that nobody sent', step: raw(Frame.ping, Flag.ack, 0, '12345678') },
  { name: 'SETTINGS', step: encodeSettings([]) },
  { name: 'ACKs of SETTINGS', step: raw(Frame.settings, Flag.ack, 0) },
  { name: 'PRIORITY', step: raw(Frame.priority, 0, 1, '12345') },
  { name: 'WINDOW_UPDATE', step: windowUpdate(1, 1) },
  { name: 'interim responses', step: head([[':status', '103']]) },
  { name: 'empty DATA', step: data(3, NOTHING) },
  { name: 'unknown frames', step: raw(0xbb, 0, 1) },
  { name: 'RST_STREAM', step: reset(5) },
  { name: 'HEADERS for a stream that was cancelled', step: head([[':status', '200']], false, 5) },
  { name: 'DATA for a stream that was cancelled', step: data(5, Buffer.of(1)) },
];
for (const { name, step } of floods) {
  t.test(`a flood of ${name} ends the connection within 20 000 of them, with ENHANCE_YOUR_CALM`, async (t) => {
    const client = MemoryClient.greeted();
    client.ask(2);
    client.connection.cancel(client.connection.request(new Asked()));
    client.feed(head([[':status', '200']], false, 3));
    for (let count = 0; client.ends.length === 0 && count <= 20_000; count += 1) client.feed(step);
    t.same(client.ends, ['got a flood of frames or messages']);
    const frames = await client.takeFrames();
    t.same(frames.filter(({ type }) => type === Frame.goAway).map(codeOf), [Http2ErrorCode.enhanceYourCalm]);
  });
}

t.test('the same frames at the pace of an honest peer go on for ever', async (t) => {
  const client = MemoryClient.greeted();
  for (let count = 0; count < 60_000; count += 1) {
    client.nowMs += 1;
    client.feed(ping());
  }
  t.same(client.ends, []);
});

t.test('a peer that has read each answer by the time that it sends again goes on for ever', async (t) => {
  const client = MemoryClient.greeted();
  client.isStuck = true;
  for (let count = 0; count < 100; count += 1) {
    client.readWrites = client.writes.length;
    client.nowMs += 1000;
    client.feed(...Array.from({ length: 1000 }, () => ping()));
    await new Promise(setImmediate);
  }
  t.same(client.ends, []);
});

t.test('a peer that is answered and never reads is ended before much more than a megabyte waits for it', async (t) => {
  const client = MemoryClient.greeted();
  client.isStuck = true;
  for (let count = 0; client.ends.length === 0 && count < 100_000; count += 1) {
    client.nowMs += 1;
    client.feed(ping());
  }
  t.same(client.ends, ['got what is to be answered, and reads no answer']);
  await client.takeFrames();
  t.ok(client.writes.reduce((sum, { length }) => sum + length, 0) < 1.2 * 2 ** 20);
});

t.test('what throws and is ours ends the connection, and not the process; the peer hears nothing of it', async (t) => {
  const client = MemoryClient.greeted();
  const one = new Asked();
  one.onData = () => {
    throw new TypeError('ours');
  };
  client.connection.request(one);
  client.feed(OK, data(1, Buffer.from('x')));
  t.same(client.ends, ['TypeError: ours']);
  const [end] = (await client.takeFrames()).filter(({ type }) => type === Frame.goAway);
  t.equal(end?.payload.toString('latin1', 8), 'internal error');
});
