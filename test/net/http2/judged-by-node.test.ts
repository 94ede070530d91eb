import { type ClientHttp2Session, connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  encodeHeaderBlock,
  ReadQueue,
  type RequestHead,
  ServerConnection,
  serverOpening,
  type Wire,
} from '../../../src/net/http2/index.js';
import { listenUnix } from '../../../src/net/transport/index.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { seededRandom } from '../../support/prng.js';
import { shortDir } from '../../support/short-dir.js';

/** A server that answers each request with 200 when it has ended, and what it has read of their heads. */
async function serveHeads(t: Test): Promise<{ session: ClientHttp2Session; heads: RequestHead[] }> {
  const path = join(shortDir(t), 's');
  const heads: RequestHead[] = [];
  const answer = encodeHeaderBlock([[':status', '200']]);
  const onWire = (wire: Wire) =>
    void new ServerConnection(wire, 1, {
      opening: serverOpening(100),
      maxConcurrentStreams: 100,
      readQueue: new ReadQueue(),
      onRequest(stream, head) {
        heads.push(head);
        stream.events = { data: () => {}, ended: () => stream.respond(answer), closed: () => {} };
      },
      onClosed: () => {},
      onBug: (error) => t.fail(String(error)),
      now: () => 0,
    });
  const listener = await listenUnix({ path, mode: 0o600, backlog: 8, via: 'addon', onWire, logger: silentLogger });
  const session = connectHttp2('http://localhost', { createConnection: () => connect(path) });
  t.teardown(async () => {
    session.destroy();
    await listener.close();
  });
  return { session, heads };
}

function request(session: ClientHttp2Session, headers: Record<string, string>): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    session
      .request({ ':path': '/a', ...headers })
      .once('response', resolve)
      .once('error', reject)
      .end();
  });
}

t.test(
  'fields by the encoder of nghttp2 are read as they were: tables, their eviction, Huffman and plain',
  async (t) => {
    const { session, heads } = await serveHeads(t);
    const random = seededRandom(7);
    const textOf = (most: number) =>
      String.fromCharCode(
        ...Array.from({ length: 1 + Math.floor(random() * most) }, () => 0x21 + Math.floor(random() * 0x5e)),
      );
    for (let round = 0; round < 300; round += 1) {
      // Few names, so that entries are found again; values of all sizes, so that others are pushed out.
      const wanted = Object.fromEntries(
        Array.from({ length: 1 + Math.floor(random() * 8) }, () => [
          `x-${Math.floor(random() * 20)}`,
          random() < 0.5 ? `value-${Math.floor(random() * 10)}` : textOf(random() < 0.1 ? 3000 : 60),
        ]),
      );
      const answer = await request(session, wanted);
      const read = Object.fromEntries(heads.at(-1)?.fields ?? []);
      if (Number(answer[':status']) !== 200 || JSON.stringify(read) !== JSON.stringify(wanted))
        t.same(read, wanted, `round ${round}`);
    }
    t.equal(heads.length, 300);
  },
);

t.test('a token of 20 kB comes in CONTINUATIONs, twice the same', async (t) => {
  const { session, heads } = await serveHeads(t);
  const authorization = `Bearer ${'x'.repeat(20_000)}`;
  for (let round = 0; round < 2; round += 1) await request(session, { authorization });
  t.same(
    heads.map(({ fields }) => Object.fromEntries(fields).authorization),
    [authorization, authorization],
  );
});

t.test('a hundred requests at once are told apart', async (t) => {
  const { session, heads } = await serveHeads(t);
  await Promise.all(Array.from({ length: 100 }, (_, index) => request(session, { 'x-index': String(index) })));
  const indexes = heads.map(({ fields }) => Number(Object.fromEntries(fields)['x-index']));
  t.same(
    indexes.sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, index) => index),
  );
});
