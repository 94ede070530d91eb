import t from 'tap';
import { Frame } from '../../src/net/http2/index.js';
import { callHeaders, callsOf } from '../support/raw-frames.js';
import type { RawPeer } from '../support/raw-peer.js';
import { assertSmall, serveCitadel } from './citadel-process.js';
import { CREATE_CERTIFICATE } from './flooded.js';
import { HOT_PATHS, pour, TIMEOUT_MS as timeout } from './poured.js';

// Of the whole file: each test starts a process.
t.setTimeout(10 * timeout);
const OK = 0;
const WATCH = '/grpc.health.v1.Health/Watch';

/** What a Citadel at rest has, and as much again as it may keep for peers, twice. */
const MAX_RSS_MB = 250;

const CONNECTIONS = 25;
const LONG = 'x'.repeat(60_000);

/** Each begins a call on every stream that a connection may have, and says no more. */
const floods = [
  {
    name: 'metadata that no method wants',
    // All of it is read and dropped, and nobody ended: as many streams as the others have are 1.5 GB over TLS.
    streams: 100,
    headersOf: callsOf(CREATE_CERTIFICATE, [['x-junk', LONG]]),
  },
  { name: 'tokens of 60 kB', streams: 1000, headersOf: callsOf(CREATE_CERTIFICATE, [['authorization', LONG]]) },
  { name: 'calls that ask nothing', streams: 1000, headersOf: callsOf(CREATE_CERTIFICATE) },
  { name: 'watches of its health that ask nothing', streams: 1000, headersOf: callsOf(WATCH) },
  {
    name: 'requests that are not gRPC, and never end',
    streams: 1000,
    headersOf: callsOf('/x', [['content-type', 'text/plain']]),
  },
];

for (const { hotPath, skip } of HOT_PATHS) {
  for (const { name, streams, headersOf } of floods) {
    t.test(
      `${hotPath}: ${name}, on thousands of streams that only begin: both a known caller and a new one are served`,
      { timeout, skip },
      async (t) => {
        const served = await serveCitadel(t, { hotPath });
        const known = served.client();
        t.equal(await known(), OK);
        const peers = await Promise.all(Array.from({ length: CONNECTIONS }, () => served.peer()));
        const flood = Promise.all(peers.map((peer) => pour(peer, streams, (index) => headersOf(1 + 2 * index))));
        t.equal(await known(), OK, 'the known caller, while it comes in');
        t.equal(await served.client()(), OK, 'a new one');
        await flood;
        t.equal(await known(), OK, 'the known caller, when all of it is there');
        t.equal(await served.client()(), OK, 'a new one');
        await assertSmall(t, served.citadel.pid, MAX_RSS_MB, peers);
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
      await served.citadel.says('connection evicted for others');
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

t.test(
  'an account that asks as fast as it may leaves lines of its log that are bounded, and tell of all',
  async (t) => {
    const served = await serveCitadel(t, { hotPath: 'js' });
    const callers = Array.from({ length: 4 }, () => served.client());
    const askAgain = async (ask: () => Promise<number>): Promise<void> => {
      for (let count = 0; count < 250; count += 1) t.equal(await ask(), OK);
    };
    const startedAtMs = performance.now();
    await Promise.all(callers.map(askAgain));
    served.citadel.kill('SIGTERM');
    const { err } = await served.citadel.whole();
    // Lines are limited by the minute: one, on a machine that has the time.
    const minutes = 1 + Math.floor((performance.now() - startedAtMs) / 60_000);
    const lines = err.split('\n').filter((line) => /"certificates? issued"/.test(line));
    const counts = lines.map((line) => Number((JSON.parse(line) as { count?: number }).count ?? 1));
    t.equal(
      counts.reduce((sum, count) => sum + count, 0),
      1000,
    );
    t.ok(lines.length < 100 * minutes, `${lines.length} lines`);
    t.ok(err.length < 30_000 * minutes, `${err.length} characters`);
  },
);
