import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import type { ConnectionLimits } from '../../../src/kubernetes/webhook/review-connections.js';
import { type ReviewResponse, startReviewServer } from '../../../src/kubernetes/webhook/review-server.js';
import { MetricRegistry, prometheusText, silentLogger } from '../../../src/telemetry/index.js';
import { TestCa } from '../../support/test-ca.js';

const ca = TestCa.root();
const ECHO: (body: Buffer) => ReviewResponse = (body) => ({ status: 200, body });

interface Options {
  readonly limits?: Partial<ConnectionLimits>;
  readonly answer?: typeof ECHO;
}

async function open(t: Test, { limits = {}, answer = ECHO }: Options = {}) {
  const metrics = new MetricRegistry();
  const server = await startReviewServer({
    ...{ host: '127.0.0.1', port: 0, answer, logger: silentLogger, metrics, limits },
  });
  t.teardown(() => server.close());
  server.setCertificate(ca.server());
  const port = Number(server.address.split(':')[1]);
  const agents: Agent[] = [];
  const agent = (): Agent => {
    const made = new Agent({ keepAlive: true, maxSockets: 1, ca: ca.certificatePem });
    agents.push(made);
    return made;
  };
  t.teardown(() => {
    for (const one of agents) one.destroy();
  });
  return {
    ...{ server, port, agent },
    ended: (reason: string) =>
      Number(
        new RegExp(`connections_ended_total{reason="${reason}"} (\\d+)`).exec(prometheusText(metrics.series()))?.[1],
      ),
    /** A connection on which the test says what it likes. */
    async raw(localAddress = '127.0.0.1'): Promise<TLSSocket> {
      const socket = connect({ port, host: '127.0.0.1', ca: ca.certificatePem, ...{ localAddress } });
      t.teardown(() => socket.destroy());
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      return socket;
    },
  };
}

interface Sent {
  readonly agent: Agent;
  readonly port: number;
  readonly method?: string;
  readonly path?: string;
  readonly type?: string | undefined;
  readonly body?: Buffer | string;
  readonly length?: number;
}

/** Posts as an API server does. */
function post({ agent, port, method = 'POST', path = '/inject?timeout=10s', body = '{}', ...head }: Sent) {
  const { type = 'application/json', length = Buffer.byteLength(body) } = head;
  const headers = { 'content-type': type, 'content-length': length };
  return new Promise<{ status: number; text: string; isLast: boolean; isReused: boolean }>((resolve, reject) => {
    const sent = request({ host: 'localhost', port, family: 4, agent, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString(),
          isLast: response.headers.connection === 'close',
          isReused: sent.reusedSocket,
        }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Also after a reset, and when it was closed before. */
function closed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => void (socket.closed ? resolve() : socket.once('close', () => resolve())));
}

const HEAD = 'POST /inject HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';

t.test('answers what is posted, on connections that are kept', async (t) => {
  const { port, agent } = await open(t);
  const one = agent();
  t.match(await post({ agent: one, port, body: '{"a":1}' }), { status: 200, text: '{"a":1}', isLast: false });
  t.match(await post({ agent: one, port, body: '[]' }), { status: 200, text: '[]', isReused: true });
  const large = Buffer.alloc(3 * 1024 * 1024, 'x');
  t.equal((await post({ agent: one, port, body: large })).text.length, large.length);
});

const REFUSED = [
  { name: 'another path', sent: { path: '/' }, status: 404 },
  { name: 'a path below', sent: { path: '/inject/other' }, status: 404 },
  { name: 'another method', sent: { method: 'PUT' }, status: 405 },
  { name: 'no JSON', sent: { type: 'text/plain' }, status: 415 },
  { name: 'a length beyond what is taken', sent: { length: 3 * 1024 * 1024 + 1 }, status: 413 },
];

for (const { name, sent, status } of REFUSED) {
  t.test(`refused by its head, and the connection ends: ${name}`, async (t) => {
    const { port, agent } = await open(t, { answer: () => t.fail('answered') as never });
    t.match(await post({ agent: agent(), port, ...sent }), { status, isLast: true });
  });
}

t.test('a body without a length ends at the same size', async (t) => {
  const { raw } = await open(t, { answer: () => t.fail('answered') as never });
  const socket = await raw();
  socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  for (let sent = 0; sent < 60; sent += 1) socket.write(chunk);
  const [answer] = await once(socket, 'data');
  t.match(String(answer), /^HTTP\/1\.1 413 /);
  await closed(socket);
});

t.test('without a certificate handshakes fail; another one is for those that come', async (t) => {
  const server = await startReviewServer({
    ...{ host: '127.0.0.1', port: 0, answer: ECHO, logger: silentLogger, metrics: new MetricRegistry() },
  });
  t.teardown(() => server.close());
  const port = Number(server.address.split(':')[1]);
  const agent = () => new Agent({ keepAlive: true, maxSockets: 1, ca: [ca.certificatePem, other.certificatePem] });
  const other = TestCa.root('other root');
  await t.rejects(post({ agent: agent(), port }));
  server.setCertificate(ca.server());
  const before = agent();
  t.teardown(() => before.destroy());
  t.match(await post({ agent: before, port }), { status: 200 });
  server.setCertificate(other.server());
  t.match(await post({ agent: before, port }), { status: 200, isReused: true });
  const after = agent();
  t.teardown(() => after.destroy());
  t.match(await post({ agent: after, port }), { status: 200 });
  t.throws(() => server.setCertificate({ certPem: 'a', keyPem: 'b' }), { code: 'ERR_LISTEN_FAILED' });
  t.match(await post({ agent: after, port }), { status: 200 });
});

t.test('the one connection too many is the idlest of the address that has most', async (t) => {
  const { port, agent, raw, ended } = await open(t, { limits: { maxConnections: 3 } });
  const [first, busy] = [agent(), agent()];
  await post({ agent: first, port });
  await post({ agent: busy, port });
  const silent = await raw();
  await post({ agent: first, port });
  const newest = await raw();
  // The server has it a moment after the client has.
  while (ended('full') === 0) await new Promise((resolve) => setImmediate(resolve));
  t.match(await post({ agent: first, port }), { isReused: true });
  newest.destroy();
  silent.destroy();
});

t.test('bodies that are not at their end are ended when all together are too large', async (t) => {
  const { port, agent, raw, ended } = await open(t, { limits: { maxHeldBytes: 1_000_000 } });
  const slow = await Promise.all([raw(), raw(), raw()]);
  const all = slow.map(closed);
  for (const socket of slow) socket.write(`${HEAD}content-length: 600000\r\n\r\n${'x'.repeat(500_000)}`);
  await Promise.race(all);
  t.ok(ended('memory') >= 1);
  t.match(await post({ agent: agent(), port }), { status: 200 });
});

t.test('addresses take turns, however much one of them asks', async (t) => {
  const answered: string[] = [];
  const last: (() => void)[] = [];
  const { raw } = await open(t, {
    answer(body) {
      answered.push(body.toString());
      // All at once: now that the first one is answered, the ends of the others come.
      for (const write of last.splice(0)) write();
      return { status: 200, body };
    },
  });
  const answers: Promise<unknown>[] = [];
  for (const [name, address] of [...Array.from({ length: 20 }, () => ['many', '127.0.0.2']), ['one', '127.0.0.1']]) {
    const socket = await raw(address);
    socket.write(`${HEAD}content-length: 7\r\n\r\n"`);
    last.push(() => socket.write(`${name}"`.padEnd(6)));
    answers.push(once(socket, 'data'));
  }
  const first = await raw();
  first.write(`${HEAD}content-length: 2\r\n\r\n{}`);
  await Promise.all(answers);
  t.equal(answered.length, 22);
  const place = answered.findIndex((body) => body.includes('one'));
  t.ok(place <= 3, `the one was answered as number ${place}`);
});

t.test('a request that trickles, and a connection that says nothing, end with their time', async (t) => {
  const { raw, ended } = await open(t, { limits: { requestMs: 2000 } });
  const [trickling, silent] = [await raw(), await raw()];
  trickling.write(`${HEAD}content-length: 10\r\n\r\n1`);
  await Promise.all([closed(trickling), closed(silent)]);
  t.equal(ended('late'), 2);
});

t.test('a connection without a further request ends with its time', async (t) => {
  const { raw, ended } = await open(t, { limits: { idleMs: 1000 } });
  const socket = await raw();
  socket.write(`${HEAD}content-length: 2\r\n\r\n{}`);
  await once(socket, 'data');
  await closed(socket);
  t.equal(ended('late'), 1);
});

const RUDE = [
  { name: 'no HTTP', text: 'GET\r\n\r\n' },
  { name: 'a head without end', text: `POST /inject HTTP/1.1\r\nx: ${'x'.repeat(20_000)}` },
  { name: 'two lengths', text: `${HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\n{}` },
  { name: 'the next request before the answer', text: `${HEAD}content-length: 2\r\n\r\n{}`.repeat(2) },
];

for (const { name, text } of RUDE) {
  t.test(`what is no HTTP of an API server ends its connection: ${name}`, async (t) => {
    const { raw, ended, port, agent } = await open(t);
    const socket = await raw();
    socket.write(text);
    await closed(socket);
    t.equal(ended('protocol'), 1);
    t.match(await post({ agent: agent(), port }), { status: 200 });
  });
}

t.test('at its end it answers what comes, asks for another connection, and ends those that are idle', async (t) => {
  const { server, port, agent, raw } = await open(t);
  const [busy, idle] = [agent(), await raw()];
  await post({ agent: busy, port });
  const closing = server.close();
  t.match(await post({ agent: busy, port }), { status: 200, isReused: true, isLast: true });
  await t.rejects(post({ agent: agent(), port }));
  const isClosed = closed(idle);
  await closing;
  await isClosed;
  await server.close();
});
