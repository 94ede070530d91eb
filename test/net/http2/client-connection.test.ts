import t from 'tap';
import {
  encodeFrame,
  encodeHeaderBlock,
  encodeHeaders,
  encodeSettings,
  Flag,
  Frame,
  Http2ErrorCode,
  PREFACE,
  Setting,
} from '../../../src/net/http2/index.js';
import { codeOf, data, ping, type RawFrame, reset, windowUpdate } from '../../support/raw-frames.js';
import { Asked, MemoryClient } from './asked.js';

const OK = encodeHeaderBlock([[':status', '200']]);
const TRAILERS = encodeHeaderBlock([['grpc-status', '0']]);
const WHOLE = ['head 200', 'data answer', 'trailers grpc-status=0', 'closed 0'];

const head = (streamId: number, block = OK, isLast = false) => encodeHeaders(streamId, block, 16_384, isLast);
const answer = (streamId: number) =>
  Buffer.concat([head(streamId), data(streamId, Buffer.from('answer')), head(streamId, TRAILERS, true)]);
const goAway = (lastId: number, code = 0) =>
  encodeFrame(Frame.goAway, 0, 0, Buffer.from([0, 0, 0, lastId, 0, 0, 0, code]));
const setting = (id: number, value: number) => encodeSettings([[id, value]]);
const ofType = (frames: readonly RawFrame[], type: number) => frames.filter((frame) => frame.type === type);
const idsOf = (frames: readonly RawFrame[]) => ofType(frames, Frame.headers).map(({ streamId }) => streamId);
const contentOf = (frames: readonly RawFrame[], streamId: number) =>
  Buffer.concat(ofType(frames, Frame.data).flatMap((f) => (f.streamId === streamId ? [f.payload] : [])));

t.test('all that is asked in one turn of the event loop goes out in one write, behind the preface', async (t) => {
  const client = new MemoryClient();
  client.ask(2);
  t.same(await client.takeFrames(), [], 'nothing before the wire is there');
  client.connection.open();
  client.connection.open();
  client.ask(20);
  const [settings, window, ...requests] = await client.takeFrames();
  t.equal(client.writes.length, 1);
  t.ok(client.writes[0]?.subarray(0, PREFACE.length).equals(PREFACE));
  t.match(settings, { type: Frame.settings, flags: 0 });
  t.ok(settings?.payload.includes(Buffer.from('000200000000', 'hex')), 'ENABLE_PUSH 0');
  t.match(window, { type: Frame.windowUpdate, streamId: 0 });
  t.equal(requests.length, 44);
  t.match(requests.slice(0, 4), [
    { type: Frame.headers, flags: Flag.endHeaders, streamId: 1 },
    { type: Frame.data, flags: Flag.endStream, streamId: 1, payload: Buffer.from('hello') },
    { type: Frame.headers, flags: Flag.endHeaders, streamId: 3 },
    { type: Frame.data, flags: Flag.endStream, streamId: 3 },
  ]);
});

t.test('what was written is never written over, however much follows', async (t) => {
  const client = MemoryClient.greeted();
  const sent = Array.from({ length: 50 }, (_, index) => new Asked(String(index % 10).repeat(5000)));
  for (const one of sent) client.connection.request(one);
  client.feed(windowUpdate(0, 2 ** 20));
  const frames = await client.takeFrames();
  for (const [index, { content }] of sent.entries()) t.ok(contentOf(frames, 1 + 2 * index).equals(content));
});

t.test('an answer reads the same in pieces of whatever size', async (t) => {
  const bytes = Buffer.concat([setting(Setting.initialWindowSize, 1000), answer(1), ping(), answer(3)]);
  for (let size = 1; size <= bytes.length; size += 1) {
    const client = new MemoryClient();
    client.connection.open();
    const all = client.ask(2);
    for (let at = 0; at < bytes.length; at += size) client.feed(bytes.subarray(at, at + size));
    for (const { told } of all) {
      t.match(
        told.join('|').replaceAll(/(?<=\w)\|data /g, ''),
        /^head 200(\|data )?answer\|trailers grpc-status=0\|closed 0$/,
      );
    }
    const frames = await client.takeFrames();
    t.same([ofType(frames, Frame.ping).length, ofType(frames, Frame.settings).length], [1, 2], `${size} bytes`);
  }
});

t.test('what an answer may have besides is let pass', async (t) => {
  const client = MemoryClient.greeted();
  const [one] = client.ask(1);
  const block = encodeHeaderBlock([
    [':status', '200'],
    ['x', 'y'.repeat(100)],
  ]);
  client.feed(
    ...[head(1, encodeHeaderBlock([[':status', '100']])), head(1, encodeHeaderBlock([[':status', '103']]))],
    ...[encodeFrame(Frame.priority, 0, 1, Buffer.alloc(5)), encodeFrame(0xbb, 7, 1, Buffer.from('unknown'))],
    encodeFrame(
      Frame.headers,
      Flag.padded | Flag.priority,
      1,
      Buffer.concat([Buffer.of(3, 0, 0, 0, 0, 9), block.subarray(0, 9), Buffer.alloc(3)]),
    ),
    encodeFrame(Frame.continuation, 0, 1, block.subarray(9, 40)),
    encodeFrame(Frame.continuation, Flag.endHeaders, 1, block.subarray(40)),
    encodeFrame(Frame.data, Flag.padded, 1, Buffer.from('\x04answer    ')),
    encodeFrame(Frame.data, 0, 1, Buffer.alloc(0)),
    head(1, TRAILERS, true),
  );
  t.same(one?.told, [`head 200 x=${'y'.repeat(100)}`, ...WHOLE.slice(1)]);
  t.same(client.ends, []);
});

t.test('content waits for both windows, and goes on to the byte', async (t) => {
  const client = MemoryClient.greeted([[Setting.initialWindowSize, 70_000]]);
  const large = new Asked('x'.repeat(100_000));
  const small = new Asked('y');
  client.connection.request(large);
  client.connection.request(small);
  const sent = async () => {
    const frames = await client.takeFrames();
    t.ok(
      frames.every(({ payload }) => payload.length <= 16_384),
      'no frame is longer than any peer takes',
    );
    return [contentOf(frames, 1).length, contentOf(frames, 3).length];
  };
  t.same(await sent(), [65_535, 0], 'the window of the connection');
  client.feed(windowUpdate(0, 10_000));
  t.same(await sent(), [4465, 1], 'that of the stream');
  client.feed(windowUpdate(1, 1));
  t.same(await sent(), [1, 0]);
  client.feed(setting(Setting.initialWindowSize, 69_990), windowUpdate(1, 10));
  t.same(await sent(), [0, 0], 'a window that SETTINGS have put below zero');
  client.feed(windowUpdate(1, 5));
  t.same(await sent(), [5, 0]);
  client.feed(windowUpdate(0, 2 ** 20), windowUpdate(1, 2 ** 20));
  t.same(await sent(), [100_000 - 70_006, 0]);
  client.feed(answer(1));
  t.same(large.told, WHOLE);
});

t.test('a header block with a long token goes in CONTINUATIONs, with nothing between', async (t) => {
  const client = MemoryClient.greeted();
  client.connection.request(new Asked('hello', [['authorization', 't'.repeat(40_000)]]));
  const frames = (await client.takeFrames()).filter(({ streamId }) => streamId === 1);
  t.same(
    frames.map(({ type, flags }) => [type, flags]),
    [
      [1, 0],
      [9, 0],
      [9, Flag.endHeaders],
      [0, Flag.endStream],
    ],
  );
});

t.test('a peer that answers before it was asked to the end is told that it need not listen', async (t) => {
  const client = MemoryClient.greeted();
  const large = new Asked('x'.repeat(100_000));
  client.connection.request(large);
  await client.takeFrames();
  client.feed(answer(1), windowUpdate(0, 2 ** 20));
  t.same(large.told, WHOLE);
  t.same(ofType(await client.takeFrames(), Frame.data), []);
});

t.test('no more streams are open than the peer lets be; the others wait for their turn', async (t) => {
  const client = MemoryClient.greeted([[Setting.maxConcurrentStreams, 0]]);
  const all = client.ask(5);
  t.same(idsOf(await client.takeFrames()), []);
  client.feed(setting(Setting.maxConcurrentStreams, 2));
  t.same(idsOf(await client.takeFrames()), [1, 3]);
  client.feed(answer(3));
  t.same(idsOf(await client.takeFrames()), [5]);
  client.feed(setting(Setting.maxConcurrentStreams, 1), answer(1));
  t.same(idsOf(await client.takeFrames()), []);
  client.feed(setting(Setting.initialWindowSize, 1000), answer(5));
  t.same(idsOf(await client.takeFrames()), [7], 'settings that do not name it leave it as it is');
  t.same(
    all.map(({ told, blocks }) => [told.length, blocks]),
    [
      [4, 1],
      [4, 1],
      [4, 1],
      [0, 1],
      [0, 0],
    ],
  );
});

t.test('before the peer has spoken a hundred streams begin; then as many as it says', async (t) => {
  const client = new MemoryClient();
  client.connection.open();
  client.ask(250);
  t.equal(idsOf(await client.takeFrames()).length, 100);
  client.feed(encodeSettings([]));
  t.equal(idsOf(await client.takeFrames()).length, 150);
});

t.test('who waits and gives up never begins, and who gives up later is told to the peer', async (t) => {
  const client = MemoryClient.greeted([[Setting.maxConcurrentStreams, 1]]);
  const [first, second, third] = [1, 2, 3].map(() => new Asked());
  const streams = [first, second, third].flatMap((one) => (one === undefined ? [] : [client.connection.request(one)]));
  for (const stream of streams.slice(0, 2).reverse()) client.connection.cancel(stream);
  const frames = await client.takeFrames();
  t.same(idsOf(frames), [1, 3]);
  t.same(
    ofType(frames, Frame.resetStream).map((f) => [f.streamId, codeOf(f)]),
    [[1, Http2ErrorCode.cancel]],
  );
  // What comes for it nevertheless is read: `x: y` goes into the table, as its entry 62. (RFC 7541 §6.2.1)
  client.feed(head(1, Buffer.from('884001780179', 'hex')), data(1, Buffer.from('late'), true), reset(1));
  client.feed(head(3, Buffer.from('88be', 'hex')), head(3, TRAILERS, true));
  t.same(first?.told, []);
  t.same(third?.told, ['head 200 x=y', 'trailers grpc-status=0', 'closed 0']);
  for (const stream of streams) client.connection.cancel(stream);
  t.same(await client.takeFrames(), []);
});

t.test('what the peer refuses without a look is sent once more, as if it had not been', async (t) => {
  const client = MemoryClient.greeted([[Setting.initialWindowSize, 3]]);
  const [one] = client.ask(1);
  const contents = async () => {
    const frames = ofType(await client.takeFrames(), Frame.data);
    return frames.map(({ streamId, payload }) => [streamId, payload.toString()]);
  };
  t.same(await contents(), [[1, 'hel']]);
  client.feed(reset(1, Http2ErrorCode.refusedStream), windowUpdate(1, 100));
  t.same(await contents(), [[3, 'hel']]);
  client.feed(windowUpdate(3, 100));
  t.same(await contents(), [[3, 'lo']]);
  t.same(one?.told, []);
  client.feed(reset(3, Http2ErrorCode.refusedStream));
  t.same(one?.told, ['closed 7'], 'and not for ever');
  const [answered] = client.ask(1);
  client.feed(head(5), reset(5, Http2ErrorCode.refusedStream));
  t.same(answered?.told, ['head 200', 'closed 7'], 'nor when it was looked at');
});

t.test('GOAWAY refuses what the peer has not looked at, lets the rest end, and then the connection', async (t) => {
  const client = MemoryClient.greeted([[Setting.maxConcurrentStreams, 2]]);
  const [first, second, third] = client.ask(3);
  client.feed(goAway(1));
  t.equal(client.connection.isUsable, false);
  t.same([first?.told, second?.told, third?.told], [[], ['closed 7'], ['closed 7']]);
  t.same(client.ends, []);
  client.feed(answer(1));
  t.same(first?.told, WHOLE);
  t.same(client.ends, ['']);
  t.same(ofType(await client.takeFrames(), Frame.goAway).map(codeOf), [Http2ErrorCode.noError]);
});

t.test('GOAWAY ends an idle connection', async (t) => {
  const client = MemoryClient.greeted();
  client.feed(goAway(0, Http2ErrorCode.enhanceYourCalm));
  t.same(client.ends, ['']);
});

t.test('windows are given back: that of a stream while it goes on, that of the connection for all', async (t) => {
  const client = MemoryClient.greeted();
  client.ask(2);
  await client.takeFrames();
  const chunk = Buffer.alloc(16_000);
  const feed = async (streamId: number, bytes: number): Promise<unknown[]> => {
    for (let left = bytes; left > 0; left -= chunk.length)
      client.feed(data(streamId, chunk.subarray(0, Math.min(left, chunk.length))));
    return ofType(await client.takeFrames(), Frame.windowUpdate).map((f) => [f.streamId, codeOf(f)]);
  };
  client.feed(head(1), head(3));
  t.same(await feed(1, 524_287), []);
  t.same(await feed(1, 1), [[1, 524_288]]);
  t.same(await feed(3, 1_048_544), [[3, 528_000]], 'when half of it is used');
  t.same(await feed(1, 524_288), [[1, 524_288]]);
  client.feed(reset(1));
  t.same(await feed(1, 32), [[0, 2_097_152]], 'for what nobody wants any more, too');
  t.same(client.ends, []);
});

t.test('a PING is answered, and the answer to ours is told once', async (t) => {
  const client = new MemoryClient();
  let pongs = 0;
  client.connection.ping(() => t.fail('it cannot be sent yet'));
  client.connection.open();
  client.feed(encodeSettings([]), ping('question'));
  client.connection.ping(() => {
    pongs += 1;
  });
  const [theirs, ours] = ofType(await client.takeFrames(), Frame.ping);
  t.match(theirs, { flags: Flag.ack, payload: Buffer.from('question') });
  t.match(ours, { flags: 0 });
  for (let count = 0; count < 2; count += 1)
    client.feed(encodeFrame(Frame.ping, Flag.ack, 0, ours?.payload ?? Buffer.alloc(8)));
  t.equal(pongs, 1);
});

t.test('a connection that is closed tells the peer, and is told nothing more', async (t) => {
  const client = MemoryClient.greeted();
  const [one] = client.ask(1);
  client.connection.close();
  client.connection.close();
  const frames = await client.takeFrames();
  t.same(ofType(frames, Frame.goAway).map(codeOf), [Http2ErrorCode.noError]);
  client.feed(answer(1));
  client.connection.ping(() => {});
  t.same(one?.told, []);
  t.same(client.ends, []);
  t.same(await client.takeFrames(), []);
});
