import { once } from 'node:events';
import { type ClientHttp2Session, constants } from 'node:http2';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type CancelSignal, CancelSource } from '../../../src/cancellation/index.js';
import { IdentityError } from '../../../src/errors/index.js';
import { addUnaryMethod, openChannel, type ServedCall, status, type UnaryMethod } from '../../../src/net/grpc/index.js';
import { cancelledSignal } from '../../support/cancel-signals.js';
import { serveFramed } from '../../support/framed-endpoint.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { callHeaders, data } from '../../support/raw-frames.js';
import { RawPeer } from '../../support/raw-peer.js';
import { shortDir } from '../../support/short-dir.js';

const ECHO = '/test.Echo/Echo';
const METADATA = { metadata: ['authorization', 'clusterid'] };
const soon = () => Date.now() + PATIENCE_MS;

const answerSame: UnaryMethod = (request, call) => call.answer(request);

/** A server of one method. */
function serve(t: Test, { echo = answerSame, ...limits }: { echo?: UnaryMethod; maxReceiveBytes?: number } = {}) {
  return serveFramed(t, { ...limits, methods: (server) => addUnaryMethod(server, ECHO, echo, METADATA) });
}

/** A method that keeps its calls, and says when one has come and when its caller has gone. */
function keeper() {
  const calls: ServedCall[] = [];
  const heard = { calls: 0, gone: 0 };
  let wake = (): void => {};
  const echo: UnaryMethod = (_request, call) => {
    calls.push(call);
    heard.calls += 1;
    call.onGone(() => {
      heard.gone += 1;
      wake();
    });
    wake();
  };
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { echo, calls, heard, until };
}

/** What a bare request is answered with: headers, trailers among them, and how its stream ended. */
async function ask(session: ClientHttp2Session, headers: object, body?: Buffer) {
  const stream = session.request({ ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc', ...headers });
  const seen: Record<string, unknown> = {};
  stream.on('response', (response) => Object.assign(seen, response));
  stream.on('trailers', (trailers) => Object.assign(seen, trailers));
  stream.on('error', () => {});
  stream.resume();
  if (body === undefined) stream.end();
  else stream.end(body);
  await once(stream, 'close');
  return { ...seen, resetCode: stream.rstCode };
}

t.test('messages of any length below the limit are answered, and no message is one, too', async (t) => {
  const { open } = await serve(t);
  const channel = open();
  for (const bytes of [0, 1, 20_000, 1 << 20]) {
    const request = Buffer.alloc(bytes, 'x');
    t.ok(request.equals(await channel.unary(ECHO, request, { deadlineMs: soon() })), `${bytes} bytes`);
  }
});

t.test('a message over the limit is RESOURCE_EXHAUSTED, and the connection goes on', async (t) => {
  const channel = (await serve(t, { maxReceiveBytes: 100 })).open();
  const call = (bytes: number) => channel.unary(ECHO, Buffer.alloc(bytes), { deadlineMs: soon() });
  await t.rejects(call(101), { code: status.RESOURCE_EXHAUSTED });
  await t.rejects(call(1_000_000), { code: status.RESOURCE_EXHAUSTED });
  t.equal((await call(100)).length, 100);
});

t.test('a call sees its metadata, all values of it, and the number of its connection', async (t) => {
  const seen: unknown[] = [];
  const echo: UnaryMethod = (request, call) => {
    seen.push([call.connection, call.metadata('authorization'), call.metadata('clusterid')]);
    call.answer(request);
  };
  const { open, bare } = await serve(t, { echo });
  const one = open();
  const metadata = { authorization: 'Bearer a', clusterid: '' };
  await one.unary(ECHO, Buffer.alloc(1), { deadlineMs: soon(), metadata });
  await one.unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() });
  await ask(bare(), { clusterid: ['a', 'b'] }, Buffer.alloc(5));
  t.same(seen, [
    [1, ['Bearer a'], ['']],
    [1, [], []],
    [2, [], ['a', 'b']],
  ]);
});

t.test('a call that is turned away has its answer before its message comes; others are not touched', async (t) => {
  const asked: unknown[] = [];
  const { open, bare } = await serveFramed(t, {
    methods: (server) =>
      addUnaryMethod(server, ECHO, answerSame, {
        ...METADATA,
        turnsAway: (call) => {
          const [cluster] = call.metadata('clusterid');
          asked.push([call.connection, cluster, call.metadata('te')]);
          return cluster === 'full'
            ? { code: status.RESOURCE_EXHAUSTED, details: 'come back', retryAfterMs: 250 }
            : undefined;
        },
      }),
  });
  const channel = open();
  const metadata = { clusterid: 'full' };
  const refusal = { code: status.RESOURCE_EXHAUSTED, details: 'come back' };
  const message = Buffer.alloc(20_000);
  for (let call = 0; call < 3; call += 1) {
    await t.rejects(channel.unary(ECHO, message, { deadlineMs: soon(), metadata }), refusal);
    t.equal((await channel.unary(ECHO, message, { deadlineMs: soon() })).length, message.length);
  }
  const session = bare();
  const stream = session.request({
    ...{ ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc', clusterid: 'full' },
  });
  stream.on('error', () => {});
  const [response] = await once(stream, 'response');
  t.match(response, { ':status': 200, 'grpc-status': '8', 'grpc-message': 'come back' }, 'without a message');
  t.match(response['grpc-status-details-bin'], /\S/);
  t.match(await ask(session, {}, Buffer.alloc(5)), { 'grpc-status': '0' }, 'on the same connection');
  t.same(asked.slice(0, 2), [
    [1, 'full', []],
    [1, undefined, []],
  ]);
  t.equal(asked.length, 8);
});

t.test("a refusal's text arrives whatever letters it has", async (t) => {
  const details = 'no, niet, näh: 100 %\n';
  const { open } = await serve(t, { echo: (_request, call) => call.refuse({ code: status.ABORTED, details }) });
  await t.rejects(open().unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() }), { code: status.ABORTED, details });
});

const failures = [
  {
    name: 'of ours',
    error: new IdentityError('ERR_SECRET_UNKNOWN', 'no such'),
    code: status.NOT_FOUND,
    details: 'no such',
  },
  { name: 'of a bug', error: new TypeError('of no interest'), code: status.INTERNAL, details: 'internal error' },
];
for (const { name, error, code, details } of failures) {
  t.test(`an error ${name} ends the call with its status, thrown at once or later`, async (t) => {
    const atOnce = await serve(t, {
      echo: () => {
        throw error;
      },
    });
    await t.rejects(atOnce.open().unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() }), { code, details });
    const later = await serve(t, { echo: () => Promise.reject(error) });
    await t.rejects(later.open().unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() }), { code, details });
  });
}

t.test('only the first answer counts, and the memory of another is given back', async (t) => {
  let given = 0;
  const echo: UnaryMethod = (_request, call) => {
    call.answerFramed(Buffer.from('00000000056669727374', 'hex'), () => {
      given += 1;
    });
    call.answer(Buffer.from('second'));
    call.answerFramed(Buffer.from('third'), () => {
      given += 1;
    });
    call.refuse({ code: status.ABORTED, details: '' });
  };
  const { open } = await serve(t, { echo });
  t.equal(String(await open().unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() })), 'first');
  t.equal(given, 2);
});

t.test('a method learns that its caller has gone, and may answer all the same', async (t) => {
  const { echo, calls, heard, until } = keeper();
  const { open } = await serve(t, { echo });
  const stop = new CancelSource();
  const call = open().unary(ECHO, Buffer.alloc(1), { deadlineMs: soon(), signal: stop });
  await until(() => heard.calls === 1);
  stop.cancel();
  await t.rejects(call, { code: status.CANCELLED });
  await until(() => heard.gone === 1);
  calls[0]?.answer(Buffer.alloc(1));
  t.equal(heard.gone, 1);
});

t.test('a method learns that the deadline of its caller has passed', async (t) => {
  const { echo, heard, until } = keeper();
  const { bare } = await serve(t, { echo });
  const body = Buffer.from('0000000000', 'hex');
  // So long that the call has begun by then, though its head comes before its message.
  t.match(await ask(bare(), { 'grpc-timeout': '500m' }, body), { 'grpc-status': `${status.DEADLINE_EXCEEDED}` });
  await until(() => heard.gone === 1);
});

t.test('nobody has gone when an answer has been given', async (t) => {
  const { echo: keep, heard } = keeper();
  const echo: UnaryMethod = (request, call) => {
    void keep(request, call);
    call.answer(request);
  };
  const { open, server, listener } = await serve(t, { echo });
  await open().unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() });
  await listener.close();
  await server.close(0);
  t.equal(heard.gone, 0);
});

t.test('a message is answered when it has come, whether or not its peer says that it was the last', async (t) => {
  const { bare } = await serve(t);
  const stream = bare().request({ ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc' });
  stream.write(Buffer.from('000000000161', 'hex'));
  const [answer] = await once(stream, 'data');
  t.equal(answer.toString('hex'), '000000000161');
  await once(stream, 'close');
});

t.test('a second message while the first is worked on ends the call, and its method hears of it', async (t) => {
  const { echo, heard } = keeper();
  const { bare } = await serve(t, { echo });
  const two = Buffer.from('00000000000000000000', 'hex');
  t.match(await ask(bare(), {}, two), { 'grpc-status': `${status.INVALID_ARGUMENT}` });
  t.same(heard, { calls: 1, gone: 1 });
});

t.test('a peer that begins many messages and ends none is refused before they fill the memory', async (t) => {
  const { echo, heard } = keeper();
  const { path } = await serve(t, { echo });
  const peer = await RawPeer.connect(t, path);
  // All but the last byte of 1 MiB, twenty times: 16 MiB are what a connection may have.
  const beginning = Buffer.concat([Buffer.from('0000100000', 'hex'), Buffer.alloc((1 << 20) - 1)]);
  for (let id = 1; id < 41; id += 2) {
    peer.send(callHeaders(id, ECHO));
    for (let at = 0; at < beginning.length; at += 16_384) peer.send(data(id, beginning.subarray(at, at + 16_384)));
  }
  const refusal = await peer.frame(({ type, flags }) => type === 1 && (flags & 1) === 1);
  t.equal(refusal.streamId, 33);
  t.match(refusal.payload.toString('latin1'), 'got more to keep than there is room for');
  t.same(heard, { calls: 0, gone: 0 });
});

const unfit = [
  { name: 'of GET', headers: { ':method': 'GET' }, want: { ':status': 405 } },
  { name: 'that is not gRPC', headers: { 'content-type': 'text/html' }, want: { ':status': 415 } },
  { name: 'without a message', body: undefined, want: { 'grpc-status': `${status.INVALID_ARGUMENT}` } },
  { name: 'of half a prefix', body: '0000', want: { 'grpc-status': `${status.INVALID_ARGUMENT}` } },
  { name: 'of half a message', body: '000000000961', want: { 'grpc-status': `${status.INVALID_ARGUMENT}` } },
  { name: 'that is compressed', body: '010000000161', want: { 'grpc-status': `${status.UNIMPLEMENTED}` } },
];
for (const { name, headers = {}, body, want } of unfit) {
  t.test(`a request ${name} is refused`, async (t) => {
    const { bare } = await serve(t);
    t.match(await ask(bare(), headers, body === undefined ? undefined : Buffer.from(body, 'hex')), want);
  });
}

t.test('a call that its peer resets before it is whole reaches nobody', async (t) => {
  const { echo, heard } = keeper();
  const { bare } = await serve(t, { echo });
  const session = bare();
  const stream = session.request({ ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc' });
  stream.on('error', () => {});
  stream.write(Buffer.from('0000000005', 'hex'));
  await once(session, 'remoteSettings');
  stream.close(constants.NGHTTP2_CANCEL);
  await once(stream, 'close');
  await new Promise((resolve) => session.ping(resolve));
  t.same(heard, { calls: 0, gone: 0 });
});

t.test('a call ends by its signal, by its deadline, and when nobody listens', async (t) => {
  const { open } = await serve(t, { echo: () => {} });
  const channel = open();
  const hang = (options: { deadlineMs: number; signal?: CancelSignal }) =>
    channel.unary(ECHO, Buffer.alloc(0), options);
  const abort = new CancelSource();
  const hanging = hang({ deadlineMs: soon(), signal: abort });
  abort.cancel();
  await t.rejects(hanging, { code: status.CANCELLED });
  await t.rejects(hang({ deadlineMs: soon(), signal: cancelledSignal() }), { code: status.CANCELLED });
  await t.rejects(hang({ deadlineMs: Date.now() + 1 }), { code: status.DEADLINE_EXCEEDED });
  const nobody = openChannel({ unix: join(shortDir(t), 'nobody.sock') });
  t.teardown(() => nobody.close());
  await t.rejects(nobody.unary(ECHO, Buffer.alloc(0), { deadlineMs: soon() }), { code: status.UNAVAILABLE });
});

t.test('close waits for the calls that are worked on', async (t) => {
  const { echo, calls, heard, until } = keeper();
  const { open, server, listener } = await serve(t, { echo });
  const answer = open().unary(ECHO, Buffer.from('last'), { deadlineMs: soon() });
  await until(() => heard.calls === 1);
  await listener.close();
  const closing = server.close(60_000);
  calls[0]?.answer(Buffer.from('last'));
  t.equal(String(await answer), 'last');
  await closing;
});
