import { type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import t from 'tap';
import { IdentityError } from '../../../src/errors/index.js';
import { decodeResponse, encodeRequest } from '../../support/sds-client.js';
import { leakOf } from '../../support/used-memory.js';
import { serveSds } from './serve.js';

const STREAM_SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets';

t.test('the source learns who opened a stream: its authorization metadata and its connection', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  const streams = [client, client.another({ authorization: 'Bearer abc' }), connect()];
  for (const stream of streams) {
    stream.request({ names: ['default'], nodeId: 'admin' });
    await stream.expectResponse();
  }
  t.same(
    source.callers.map(({ authorization, connection }) => ({ authorization, connection })),
    [
      { authorization: [], connection: 1 },
      { authorization: ['Bearer abc'], connection: 1 },
      { authorization: [], connection: 2 },
    ],
  );
});

t.test('requests wait until the caller is known, and are answered in order then', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ A: 'a', B: 'b' });
  let admit = (): void => {};
  source.admit = () =>
    new Promise((resolve) => {
      admit = resolve;
    });
  const client = connect();
  client.request({ names: ['A'] });
  client.request({ names: ['A', 'B'] });
  await client.expectSilence();
  admit();
  const first = await client.expectResponse();
  t.same(first.names, ['A']);
  await client.expectSilence();
  client.ack(first);
  t.same((await client.expectResponse()).names, ['A', 'B']);
});

t.test('a refused caller gets the status of the reason, and of a token no more than that', async (t) => {
  const { source, connect } = await serveSds(t);
  const client = connect();
  const cases = [
    {
      error: new IdentityError('ERR_TOKEN_EXPIRED', 'expired at noon'),
      want: { code: 16, details: 'authentication failed: the token has expired' },
    },
    { error: new IdentityError('ERR_CA_UNAVAILABLE', 'ca away'), want: { code: 14, details: 'ca away' } },
    { error: new Error('bug'), want: { code: 13, details: 'internal error' } },
  ];
  for (const { error, want } of cases) {
    source.admit = () => Promise.reject(error);
    const stream = client.another();
    stream.request({ names: ['default'] });
    t.same(await stream.ended, want);
  }
  t.equal(source.openViews, 0);
});

t.test('a stream that is reset while its caller is being checked: the check is aborted, its view closed', async (t) => {
  const { source, connect, sds } = await serveSds(t);
  let admit = (): void => {};
  source.admit = () =>
    new Promise((resolve) => {
      admit = resolve;
    });
  const client = connect();
  client.request({ names: ['default'] });
  await client.expectSilence();
  const cancelled = new Promise<void>((resolve) => source.signals[0]?.add({ cancel: resolve }));
  client.cancel();
  await cancelled;
  t.equal(sds.status().streams, 0);
  admit();
  await client.roundTrip();
  t.equal(source.openViews, 0);
});

t.test('row 24: half-close ends the stream with OK and frees it', async (t) => {
  const { source, connect, sds } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  client.request({ names: ['default'] });
  await client.expectResponse();
  client.halfClose();
  t.match(await client.ended, { code: 0 });
  t.equal(sds.status().streams, 0);
  t.equal(source.openViews, 0);
});

t.test('the view ends the stream: with OK so that the proxy comes back, or with a reason', async (t) => {
  const { source, connect, sds } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  client.request({ names: ['default'] });
  await client.expectResponse();
  source.end();
  t.match(await client.ended, { code: 0 });
  const other = client.another();
  other.request({ names: ['default'] });
  await other.expectResponse();
  source.end(new IdentityError('ERR_TOKEN_EXPIRED', 'expired'));
  t.match(await other.ended, { code: 16 });
  t.equal(source.openViews + sds.status().streams, 0);
});

t.test(
  'row 75: for the drain all streams end with OK, later ones with UNAVAILABLE, and the server closes at once',
  async (t) => {
    const { source, connect, sds, server } = await serveSds(t);
    source.set({ default: 'leaf' });
    const client = connect();
    const streams = [client, client.another()];
    for (const stream of streams) {
      stream.request({ names: ['default'] });
      await stream.expectResponse();
    }
    await sds.endAllStreams();
    for (const stream of streams) t.match(await stream.ended, { code: 0 });
    const late = client.another();
    t.match(await late.ended, { code: 14, details: 'shutting down' });
    t.equal(sds.status().streams, 0);
    await server.close(60_000);
  },
);

t.test('a source that fails ends the stream that asked, not the process', async (t) => {
  const { source, connect } = await serveSds(t);
  source.open = async () => ({
    secret: () => {
      throw new Error('bug');
    },
    subscribe: () => {},
    close: () => {},
  });
  const client = connect();
  client.request({ names: ['default'] });
  t.same(await client.ended, { code: 13, details: 'internal error' });
});

t.test('row 22: any authority, none, `grpc+proto` and unknown headers are served', async (t) => {
  const { source, path } = await serveSds(t);
  source.set({ default: 'leaf' });
  const session = connectHttp2('http://localhost', { createConnection: () => connectSocket(path) });
  t.teardown(() => session.destroy());
  const base = { ':method': 'POST', ':path': STREAM_SECRETS, te: 'trailers', 'content-type': 'application/grpc' };
  const cases = [
    { name: 'a cluster name', headers: { ':authority': 'sds_agent' } },
    { name: 'an encoded path', headers: { ':authority': 'run%2Fsds.sock' } },
    { name: 'none', headers: { host: 'localhost' } },
    { name: 'grpc+proto', headers: { 'content-type': 'application/grpc+proto' } },
    {
      name: 'unknown headers',
      headers: {
        'x-envoy-internal': 'true',
        'x-forwarded-for': '10.0.0.1',
        'grpc-accept-encoding': 'identity,deflate,gzip',
      },
    },
  ];
  for (const { name, headers } of cases) {
    const stream = session.request({ ...base, ...headers });
    stream.write(framed(encodeRequest({ names: ['default'] })));
    t.same(decodeResponse(await firstMessage(stream)).names, ['default'], name);
    stream.close();
  }
});

t.test('row 24: 24 000 streams opened and closed leave nothing behind', async (t) => {
  const { source, path, sds } = await serveSds(t);
  source.set({ default: 'leaf' });
  const session = connectHttp2('http://localhost', { createConnection: () => connectSocket(path) });
  t.teardown(() => session.destroy());
  const headers = { ':method': 'POST', ':path': STREAM_SECRETS, te: 'trailers', 'content-type': 'application/grpc' };
  const request = framed(encodeRequest({ names: ['default'] }));
  const cycle = (): Promise<unknown> => {
    const stream = session.request(headers);
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.once('data', () => stream.end()).on('data', () => {});
    stream.write(request);
    return closed;
  };
  const streams = 4000;
  const grown = await leakOf(async () => {
    for (let done = 0; done < streams; done += 100) await Promise.all(Array.from({ length: 100 }, cycle));
    source.forget();
  });
  t.equal(sds.status().streams, 0);
  t.equal(source.openViews, 0);
  t.ok(grown < streams * 100, `${streams} streams leave ${grown} bytes; the state of one takes more than 200`);
});

/** A message with gRPC's length prefix, uncompressed. */
function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function firstMessage(stream: ClientHttp2Stream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    stream.once('error', reject);
    stream.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) resolve(bytes.subarray(5));
    });
  });
}
