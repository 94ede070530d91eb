import t from 'tap';
import { StreamWindows, type WindowedStream } from '../../../src/net/http2/framing/stream-windows.js';
import { encodeSettings, Frame, Setting } from '../../../src/net/http2/index.js';
import { seededRandom } from '../../support/prng.js';
import { callHeaders, reset, windowUpdate } from '../../support/raw-frames.js';
import { Asked, MemoryClient } from './asked.js';
import { MemoryServer, OK_HEAD } from './served.js';

const MAX = 2 ** 31 - 1;
const NOTHING = Buffer.alloc(0);

const settings = (bytes: number) => encodeSettings([[Setting.initialWindowSize, bytes]]);

/** What happens to one connection, by whatever counts its windows: the windows, and where it broke. */
function play(seed: number, windows: { grow(id: number, bytes: number): void; resize(bytes: number): void } & Windows) {
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const told: unknown[] = [];
  for (let step = 0; step < 60; step += 1) {
    const id = 1 + 2 * below(4);
    try {
      const kind = below(8);
      if (kind === 0) windows.end(id);
      else if (kind < 3) windows.use(id, below(70_000));
      else if (kind < 6) windows.grow(id, 1 + (random() < 0.1 ? below(MAX) : below(100_000)));
      else windows.resize(random() < 0.1 ? MAX - below(100_000) : below(200_000));
    } catch (error) {
      told.push((error as Error).name);
      if ((error as Error).name === 'ConnectionError') break;
    }
    told.push([1, 3, 5, 7].map((one) => windows.of(one)).join());
  }
  return told;
}

interface Windows {
  of(id: number): number;
  use(id: number, bytes: number): void;
  /** The stream ends, and another begins in its place. */
  end(id: number): void;
}

/** As RFC 9113 §6.9.2 says it: every window is a number of its own. */
function model(): Parameters<typeof play>[1] {
  let initial = 65_535;
  const windows = new Map([1, 3, 5, 7].map((id) => [id, initial]));
  const set = (id: number, bytes: number, name: string): void => {
    if (bytes > MAX) throw Object.assign(new Error(), { name });
    windows.set(id, bytes);
  };
  const of = (id: number) => windows.get(id) ?? 0;
  return {
    of,
    use: (id, bytes) => void windows.set(id, of(id) - bytes),
    end: (id) => void windows.set(id, initial),
    grow: (id, bytes) => set(id, of(id) + bytes, 'StreamError'),
    resize(bytes) {
      for (const id of windows.keys()) set(id, of(id) + bytes - initial, 'ConnectionError');
      initial = bytes;
    },
  };
}

function ours(): Parameters<typeof play>[1] {
  const windows = new StreamWindows();
  const streams = new Map<number, WindowedStream>([1, 3, 5, 7].map((id) => [id, { id, windowChange: 0 }]));
  const of = (id: number) => streams.get(id) ?? { id, windowChange: 0 };
  return {
    of: (id) => windows.of(of(id)),
    use: (id, bytes) => windows.use(of(id), bytes),
    end: (id) => void streams.set(id, { id, windowChange: 0 }),
    grow: (id, bytes) => windows.grow(of(id), bytes),
    resize: (bytes) => void windows.resize(bytes, streams.values()),
  };
}

t.test('windows that are kept by their distance are those of RFC 9113 §6.9, in any order of events', async (t) => {
  for (let seed = 1; seed <= 3000; seed += 1) {
    const [got, want] = [play(seed, ours()), play(seed, model())];
    if (JSON.stringify(got) !== JSON.stringify(want)) t.same(got, want, `seed ${seed}`);
  }
});

t.test('a change of the initial window looks at no stream, unless one may be above the largest window', async (t) => {
  const windows = new StreamWindows();
  const streams = Array.from({ length: 10_000 }, (_, index) => ({ id: 1 + 2 * index, windowChange: 0 }));
  t.equal(windows.resize(0, streams), 0);
  t.equal(windows.resize(MAX, streams), 0);
  t.equal(windows.resize(0, streams), 0);
  for (const stream of streams) windows.grow(stream, 1000);
  t.equal(windows.resize(MAX - 1000, streams), 0);
  for (const stream of streams) windows.use(stream, 1000);
  t.equal(windows.resize(MAX, streams), 10_000, 'what was above it may have been sent');
  t.equal(windows.resize(MAX, streams), 0, 'and has been, as is known now');
});

t.test('what waits for two windows is sent when both have room, in whatever order they get it', async (t) => {
  const server = new MemoryServer();
  const { wire } = server.greeted();
  const content = Buffer.alloc(100_000, 1);
  // The connection's window is 65 535, and so is each stream's.
  wire.feed(callHeaders(1, '/a'), callHeaders(3, '/a'));
  for (const { stream } of server.requests) {
    stream.begin(OK_HEAD);
    stream.send(content, NOTHING);
  }
  const sentBytes = () =>
    wire
      .takeFrames()
      .filter(({ type }) => type === Frame.data)
      .reduce((sum, { payload }) => sum + payload.length, 0);
  t.equal(sentBytes(), 65_535);
  wire.feed(settings(0), settings(200_000), settings(0));
  t.equal(sentBytes(), 0, 'the connection has no room');
  wire.feed(windowUpdate(0, 1_000_000));
  t.equal(sentBytes(), 0, 'and now the streams have none');
  wire.feed(settings(10), settings(0), settings(200_000));
  t.equal(sentBytes(), 200_000 - 65_535);
});

t.test('the same for a client', async (t) => {
  const client = MemoryClient.greeted();
  const requests = [new Asked('x'.repeat(100_000)), new Asked('y'.repeat(100_000))];
  for (const one of requests) client.connection.request(one);
  const sentBytes = async () =>
    (await client.takeFrames())
      .filter(({ type }) => type === Frame.data)
      .reduce((sum, { payload }) => sum + payload.length, 0);
  t.equal(await sentBytes(), 65_535);
  client.feed(settings(0), settings(200_000), settings(0));
  t.equal(await sentBytes(), 0);
  client.feed(windowUpdate(0, 1_000_000));
  t.equal(await sentBytes(), 0);
  client.feed(settings(10), settings(0), settings(200_000));
  t.equal(await sentBytes(), 200_000 - 65_535);
});

t.test(
  'SETTINGS are acknowledged before what they allow: until then a peer may hold us to its earlier windows',
  async (t) => {
    const server = new MemoryServer();
    const { wire } = server.greeted();
    wire.feed(settings(0), callHeaders(1, '/a'));
    server.last().stream.send(Buffer.from('waits'), NOTHING);
    const client = MemoryClient.greeted([[Setting.initialWindowSize, 0]]);
    client.ask(1);
    wire.takeFrames();
    await client.takeFrames();
    wire.feed(settings(100));
    client.feed(settings(100));
    for (const frames of [wire.takeFrames(), await client.takeFrames()])
      t.same(
        frames.map(({ type }) => type),
        [Frame.settings, Frame.data],
      );
  },
);

t.test('a stream that ends while it waits for either window is forgotten', async (t) => {
  const server = new MemoryServer();
  const { wire } = server.greeted();
  wire.feed(settings(10), callHeaders(1, '/a'), callHeaders(3, '/a'));
  let written = 0;
  const onWritten = (): void => {
    written += 1;
  };
  for (const { stream } of server.requests) stream.send(Buffer.alloc(100), NOTHING, onWritten);
  wire.feed(reset(1), reset(3), settings(1000), windowUpdate(0, 1000));
  t.equal(written, 2);
  t.equal(wire.takeFrames().filter(({ type }) => type === Frame.data).length, 2, 'ten octets each, from before');
  t.same(server.bugs, []);
});
