import t from 'tap';
import {
  clientOpening,
  encodeFrame,
  encodeHeaderBlock,
  encodeHeaders,
  encodeSettings,
  Flag,
  Frame,
  Http2ErrorCode,
  Setting,
  Slab,
  SlabOutput,
} from '../../../src/net/http2/index.js';
import { codeOf, data, type RawFrame, reset, windowUpdate } from '../../support/raw-frames.js';
import { Asked, MemoryClient } from './asked.js';

const head = (streamId: number, status = '200') =>
  encodeHeaders(streamId, encodeHeaderBlock([[':status', status]]), 16_384);
const trailers = (streamId: number) => encodeHeaders(streamId, encodeHeaderBlock([['grpc-status', '0']]), 16_384, true);
const goAway = (lastId: number, code: number, text: string) =>
  encodeFrame(
    Frame.goAway,
    0,
    0,
    Buffer.concat([Buffer.from([0, 0, 0, lastId, 0, 0, 0, code]), Buffer.from(text, 'latin1')]),
  );
const text = (...parts: readonly string[]) => parts.map((part) => Buffer.from(part));
const ofType = (frames: readonly RawFrame[], type: number) => frames.filter((frame) => frame.type === type);
const contents = (frames: readonly RawFrame[]) =>
  ofType(frames, Frame.data).map(({ streamId, flags, payload }) => [streamId, flags, payload.toString('latin1')]);

t.test('a stream sends and gets content until either side ends it', async (t) => {
  const client = MemoryClient.greeted();
  const asked = new Asked();
  const stream = client.connection.openStream(asked);
  stream.send(text('a', '', 'b'));
  stream.send(text(''));
  t.same(contents(await client.takeFrames()), [[1, 0, 'ab']], 'in one frame, and none that is empty');
  client.feed(head(1), data(1, Buffer.from('first')));
  stream.send(text('c'));
  client.feed(data(1, Buffer.from('second')));
  stream.end();
  stream.end();
  stream.send(text('too late'));
  t.same(contents(await client.takeFrames()), [
    [1, 0, 'c'],
    [1, Flag.endStream, ''],
  ]);
  client.feed(data(1, Buffer.from('third')), trailers(1));
  t.same(asked.told, ['head 200', 'data first', 'data second', 'data third', 'trailers grpc-status=0', 'closed 0']);
  t.same(await client.takeFrames(), [], 'both have ended it');
});

t.test('a stream that its peer has ended first is reset, and sends nothing more', async (t) => {
  const client = MemoryClient.greeted();
  const stream = client.connection.openStream(new Asked());
  client.feed(head(1), trailers(1));
  stream.send(text('late'));
  stream.end();
  const frames = await client.takeFrames();
  t.same(contents(frames), []);
  t.same(ofType(frames, Frame.resetStream).map(codeOf), [Http2ErrorCode.noError]);
});

t.test('content waits for the windows, in the order in which it was sent, and its end behind it', async (t) => {
  const client = MemoryClient.greeted([[Setting.initialWindowSize, 3]]);
  const stream = client.connection.openStream(new Asked());
  for (const part of ['ab', 'cd', 'ef']) stream.send(text(part));
  stream.end();
  t.same(contents(await client.takeFrames()), [
    [1, 0, 'ab'],
    [1, 0, 'c'],
  ]);
  client.feed(windowUpdate(1, 2));
  t.same(contents(await client.takeFrames()), [[1, 0, 'de']]);
  client.feed(encodeSettings([[Setting.initialWindowSize, 100]]));
  t.same(contents(await client.takeFrames()), [[1, Flag.endStream, 'f']]);
});

t.test('what is sent on a stream that may not begin yet follows its head', async (t) => {
  const client = MemoryClient.greeted([[Setting.maxConcurrentStreams, 1]]);
  const [first, second] = [client.connection.openStream(new Asked()), client.connection.openStream(new Asked())];
  second?.send(text('x'));
  t.same(contents(await client.takeFrames()), []);
  if (first !== undefined) client.connection.cancel(first);
  t.same(contents(await client.takeFrames()), [[3, 0, 'x']]);
});

t.test('a stream that the peer refuses is not sent again: what was sent on it is not kept', async (t) => {
  const client = MemoryClient.greeted();
  const asked = new Asked();
  client.connection.openStream(asked).send(text('x'));
  client.feed(reset(1, Http2ErrorCode.refusedStream));
  t.same(asked.told, [`closed ${Http2ErrorCode.refusedStream}`]);
  t.equal(asked.blocks, 1);
});

t.test('who owns a stream is told what the peer did wrong, and nothing when the peer reset it', async (t) => {
  const client = MemoryClient.greeted();
  const [bad, given] = [new Asked(), new Asked()];
  for (const one of [bad, given]) client.connection.openStream(one);
  client.feed(data(1, Buffer.from('x')), reset(3, Http2ErrorCode.cancel));
  t.same(
    [bad, given].map(({ told, faults }) => [told, faults]),
    [
      [[`closed ${Http2ErrorCode.protocolError}`], ['got DATA before the head of a response']],
      [[`closed ${Http2ErrorCode.cancel}`], []],
    ],
  );
});

t.test('the code and the text of GOAWAY are told before the streams that it refuses', async (t) => {
  const told: unknown[] = [];
  const asked = new Asked();
  const client = MemoryClient.greeted([], {
    onGoAway: (code, text) => told.push([code, text, [...asked.told]]),
  });
  client.connection.openStream(asked);
  client.feed(goAway(0, Http2ErrorCode.enhanceYourCalm, 'too_many_pings'));
  t.same(told, [[Http2ErrorCode.enhanceYourCalm, 'too_many_pings', []]]);
  t.same(asked.told, [`closed ${Http2ErrorCode.refusedStream}`]);
  t.same(client.ends, ['']);
});

t.test('windows and the table of header fields are as the opening announces', async (t) => {
  const opening = clientOpening({
    ...{ streamWindowBytes: 100_000, connectionWindowBytes: 200_000 },
    ...{ maxHeaderListBytes: 100, headerTableBytes: 0 },
  });
  const client = MemoryClient.greeted([], { opening });
  const asked = [new Asked(), new Asked()];
  for (const one of asked) client.connection.openStream(one);
  const [settings, window] = await client.takeFrames();
  t.equal(settings?.payload.toString('hex'), '0002000000000001000000000004000186a0000600000064');
  t.equal(window === undefined ? 0 : codeOf(window), 200_000 - 65_535);
  client.feed(head(1), ...Array.from({ length: 7 }, () => data(1, Buffer.alloc(15_000))));
  t.same(
    ofType(await client.takeFrames(), Frame.windowUpdate).map((frame) => [frame.streamId, codeOf(frame)]),
    [
      [1, 60_000],
      [0, 105_000],
    ],
  );
  client.feed(encodeHeaders(3, encodeHeaderBlock([['x', 'y'.repeat(100)]]), 16_384));
  t.equal(asked[1]?.told.at(-1), `closed ${Http2ErrorCode.enhanceYourCalm}`);
  // An ACK of our settings; then a table of one octet. (RFC 7541 §6.3)
  client.feed(encodeFrame(Frame.settings, Flag.ack, 0, Buffer.alloc(0)));
  client.feed(encodeHeaders(1, Buffer.from('21', 'hex'), 16_384));
  t.same(client.ends, ['hpack: got a table of 1 bytes, expected at most 0']);
});

t.test('connections that share a slab write each its own, in order, and none is written over', async (t) => {
  const slab = new Slab();
  const written: string[][] = [[], []];
  const pieces: Buffer[] = [];
  const outputs = written.map(
    (own) =>
      new SlabOutput(
        {
          backlogBytes: 0,
          write(bytes) {
            pieces.push(bytes);
            own.push(bytes.toString('latin1'));
          },
        },
        slab,
      ),
  );
  const put = (index: number, content: string): void => {
    const at = outputs[index]?.claim(content.length) ?? 0;
    outputs[index]?.memory.write(content, at, 'latin1');
  };
  put(0, 'a');
  put(0, 'b');
  put(1, 'x');
  put(0, 'c');
  outputs[1]?.flush();
  put(0, 'd'.repeat(70_000));
  await new Promise(setImmediate);
  t.same(
    written.map((own) => own.map((piece) => piece.slice(0, 3))),
    [['ab', 'c', 'ddd'], ['x']],
  );
  t.same(
    pieces.map((bytes) => bytes.toString('latin1', 0, 3)),
    ['ab', 'x', 'c', 'ddd'],
  );
});
