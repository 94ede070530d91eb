import { once } from 'node:events';
import { createServer } from 'node:tls';
import t from 'tap';
import { Frame } from '../../src/http2/index.js';
import { CallFailure, openUnaryConnection, status } from '../../src/rpc/index.js';
import { Asked, MemoryClient } from '../http2/asked.js';
import { seededRandom } from '../support/prng.js';
import { TestCa } from '../support/test-ca.js';
import { hostileAnswers } from './answers.js';
import { below, type Random } from './conversations.js';

/** `FUZZ_CASES=1000000 FUZZ_SEED=7 node build/test/hostile/client-fuzz.test.js` for more of them, and others. */
const CASES = Number(process.env.FUZZ_CASES ?? 20_000);
const SEED = Number(process.env.FUZZ_SEED ?? 1);

const STREAMS = 5;

/** What is wrong of how a request was told; `undefined` when nothing. */
function faultOf({ told, blocks }: Asked): string | undefined {
  const closedAt = told.findIndex((text) => text.startsWith('closed'));
  if (closedAt >= 0 && closedAt < told.length - 1) return `it was told ${told.join(', ')}`;
  if (told.filter((text) => text.startsWith('head')).length > 1) return 'it was told two heads';
  if (blocks > 1) return 'it was sent twice';
  return undefined;
}

/** How often each end was met: if one were missing, nothing would be said of it. */
const met = { answers: 0, failures: 0, ends: 0, leaves: 0 };

/** One client whose server says what it must not; gives what of it is wrong. */
async function play(random: Random): Promise<string | undefined> {
  const client = new MemoryClient();
  client.connection.open();
  const all = Array.from({ length: STREAMS }, () => new Asked('content of a request'));
  const streams = all.map((one) => client.connection.request(one));
  const bytes = hostileAnswers(random, STREAMS);
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + below(random, random() < 0.2 ? 20 : bytes.length);
    client.feed(bytes.subarray(at, end));
    at = end;
    const stream = streams[below(random, 20)];
    if (stream !== undefined) client.connection.cancel(stream);
  }
  const hasEnded = client.ends.length > 0;
  if (client.ends.length > 1) return `it has ended ${client.ends.length} times`;
  if (hasEnded && client.connection.isUsable) return 'it has ended and is usable';
  if (client.ends.some((reason) => /error/i.test(reason))) return `something of ours threw: ${client.ends.join()}`;
  for (const reason of client.ends) met[reason === '' ? 'leaves' : 'ends'] += 1;
  for (const end of all.flatMap(({ told }) => told.slice(-1))) {
    if (end.startsWith('closed')) met[end === 'closed 0' ? 'answers' : 'failures'] += 1;
  }
  client.connection.close();
  const frames = await client.takeFrames();
  for (const [index, one] of all.entries()) {
    const sent = frames.filter(({ type, streamId }) => type === Frame.data && streamId === 1 + 2 * index);
    if (sent.reduce((sum, { payload }) => sum + payload.length, 0) > one.content.length) return 'too much was sent';
  }
  return all.map(faultOf).find((fault) => fault !== undefined);
}

t.test(`${CASES} seeded conversations with garbage in them (seed ${SEED}) leave a client in good order`, async (t) => {
  const random = seededRandom(SEED);
  let heapAfterStart = 0;
  const faults: string[] = [];
  for (let played = 0; played < CASES && faults.length === 0; played += 1) {
    const fault = await play(random);
    if (fault !== undefined) faults.push(`after ${played}: ${fault}`);
    if (played === 5000) heapAfterStart = heapNow();
  }
  t.same(faults, []);
  t.ok(
    Object.values(met).every((count) => count > CASES / 100),
    JSON.stringify(met),
  );
  const grownMb = (heapNow() - heapAfterStart) / 2 ** 20;
  t.ok(grownMb < 30, `heap grew by ${grownMb.toFixed(1)} MB`);
});

function heapNow(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

t.test('over TLS: every call to a server that says such things comes to an end', async (t) => {
  const random = seededRandom(SEED + 1);
  const ca = TestCa.root();
  const { certPem: cert, keyPem: key } = ca.server();
  const server = createServer({ cert, key, ALPNProtocols: ['h2'] }, (socket) => {
    socket.on('error', () => {});
    const bytes = hostileAnswers(random, STREAMS);
    socket.once('data', () => {
      socket.write(bytes);
      if (random() < 0.5) socket.end();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  const address = `127.0.0.1:${Object(server.address()).port}`;
  const odd: unknown[] = [];
  let failed = 0;
  for (let round = 0; round < 200; round += 1) {
    const connection = openUnaryConnection({ address, rootPem: ca.certificatePem });
    const options = { deadlineMs: Date.now() + 100 };
    const calls = Array.from({ length: STREAMS }, () => connection.unary('/a.B/C', Buffer.from('x'), options));
    for (const outcome of await Promise.allSettled(calls)) {
      if (outcome.status === 'fulfilled') continue;
      failed += 1;
      const { reason } = outcome;
      if (!(reason instanceof CallFailure) || status[reason.code] === undefined) odd.push(reason);
    }
    connection.close();
  }
  t.same(odd, []);
  t.ok(failed > 0);
});
