import t from 'tap';
import { Frame } from '../../src/http2/index.js';
import { NO_ADDON } from '../hotpath/implementations.js';
import { callHeaders } from '../support/raw-frames.js';
import type { RawPeer } from '../support/raw-peer.js';
import { serveCitadel } from './citadel-process.js';

const timeout = 120_000;
// Of the whole file: each test starts a process.
t.setTimeout(10 * timeout);
const OK = 0;
const CREATE_CERTIFICATE = '/istio.v1.auth.IstioCertificateService/CreateCertificate';
const WATCH = '/grpc.health.v1.Health/Watch';

/** What a Citadel at rest has, and as much again as it may keep for peers, twice. */
const MAX_RSS_MB = 250;

const HOT_PATHS = [
  { hotPath: 'native', skip: NO_ADDON },
  { hotPath: 'js', skip: false },
] as const;

/** Sends HEADERS on `count` streams, as fast as they are taken; ends early when the connection does. */
async function beginCalls(peer: RawPeer, count: number, headersOf: (streamId: number) => Buffer): Promise<void> {
  for (let index = 0; index < count && !peer.isClosed; index += 1) {
    const isTaken = peer.socket.write(headersOf(1 + 2 * index));
    if (!isTaken) await peer.drained();
    peer.frames.length = 0;
  }
}

const floods = [
  {
    name: 'metadata that no method wants',
    connections: 25,
    streams: 100,
    headersOf: (id: number) => callHeaders(id, CREATE_CERTIFICATE, [['x-junk', 'x'.repeat(60_000)]]),
  },
  {
    name: 'tokens of 60 kB',
    connections: 25,
    streams: 160,
    headersOf: (id: number) => callHeaders(id, CREATE_CERTIFICATE, [['authorization', 'x'.repeat(60_000)]]),
  },
  {
    name: 'calls that ask nothing',
    connections: 25,
    streams: 1000,
    headersOf: (id: number) => callHeaders(id, CREATE_CERTIFICATE),
  },
  {
    name: 'watches of its health that ask nothing',
    connections: 25,
    streams: 1000,
    headersOf: (id: number) => callHeaders(id, WATCH),
  },
  {
    name: 'requests that are not gRPC, and never end',
    connections: 25,
    streams: 1000,
    headersOf: (id: number) => callHeaders(id, '/x', [['content-type', 'text/plain']]),
  },
];

for (const { hotPath, skip } of HOT_PATHS) {
  for (const { name, connections, streams, headersOf } of floods) {
    t.test(
      `${hotPath}: ${name}, on thousands of streams that only begin: both a known caller and a new one are served`,
      { timeout, skip },
      async (t) => {
        const served = await serveCitadel(t, { hotPath });
        const known = served.client();
        t.equal(await known(), OK);
        const peers = await Promise.all(Array.from({ length: connections }, () => served.peer()));
        const flood = Promise.all(peers.map((peer) => beginCalls(peer, streams, headersOf)));
        t.equal(await known(), OK, 'the known caller, while it comes in');
        t.equal(await served.client()(), OK, 'a new one');
        await flood;
        t.equal(await known(), OK, 'the known caller, when all of it is there');
        t.equal(await served.client()(), OK, 'a new one');
        const rssMb = served.rssMb();
        t.comment(`RSS ${rssMb.toFixed(0)} MB, ${peers.filter(({ isClosed }) => isClosed).length} peers were ended`);
        t.ok(rssMb < MAX_RSS_MB, `${rssMb.toFixed(0)} MB`);
      },
    );
  }

  t.test(
    `${hotPath}: of more connections than one address may have the idlest give way, and a known caller's stays`,
    { timeout, skip },
    async (t) => {
      const served = await serveCitadel(t, { hotPath, args: ['--max-connections', '80'] });
      const known = served.client();
      t.equal(await known(), OK);
      const strangers: RawPeer[] = [];
      for (let count = 0; count < 60; count += 1) strangers.push(await served.peer());
      // A quarter of 80 are left, in the order in which they came: the others are gone, one for each newcomer.
      await Promise.all(strangers.slice(0, 40).map((peer) => peer.ended()));
      t.equal(await known(), OK);
      t.equal(await served.client()(), OK, 'a new one');
      t.ok((await (strangers.at(-1) as RawPeer).ping()) > 0);
      t.match(served.citadel.err, 'connection gave way to others');
    },
  );
}

t.test('a stranger that has begun as many calls as it may is refused further ones, each by its status', async (t) => {
  const served = await serveCitadel(t, { hotPath: 'js' });
  const peer = await served.peer();
  for (let index = 0; index < 70; index += 1) peer.send(callHeaders(1 + 2 * index, WATCH));
  const { payload } = await peer.frame(({ type }) => type === Frame.headers);
  t.match(payload.toString('latin1'), /grpc-status.8/s, 'RESOURCE_EXHAUSTED');
});
