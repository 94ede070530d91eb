import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { FleetSockets } from '../../src/fleet/sockets/fleet-socket.js';
import { HubSockets } from '../../src/fleet/sockets/hub-sockets.js';
import { NodeSockets } from '../../src/fleet/sockets/node-sockets.js';
import { encodeFrame, encodeSettings, Frame } from '../../src/net/http2/index.js';
import { loadAddon } from '../../src/system/addon/index.js';
import { shortDir } from '../support/short-dir.js';
import { connectRaw, endCall, framed, serveBytes, serveHttp2, withRoom } from './call-peer.js';

// The judge is Node's own HTTP/2 server (nghttp2).

const PRINTABLE = String.fromCharCode(...Array.from({ length: 94 }, (_, index) => 33 + index)).replace('%', '');

const load = loadAddon();

const KINDS: readonly { name: string; open: () => FleetSockets; skip: false | string }[] = [
  // It reads into 1000 octets, so every frame comes in parts.
  { name: 'sockets of Node.js', open: () => new NodeSockets(1000), skip: false },
  { name: 'sockets of the addon', open: () => new HubSockets(), skip: load.kind === 'absent' && load.reason },
];

for (const { name, open, skip } of KINDS) t.test(name, { skip }, async (t) => suite(t, open));

function suite(t: Test, open: () => FleetSockets): void {
  t.test('messages of all sizes come and go whole', async (t) => {
    const { path } = await serveHttp2(t, (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const client = await connectRaw(t, path, open());
    const { call, messages } = client.open();
    const sizes = [0, 1, 985, 1000, 16_370, 16_384, 65_535, 200_000];
    const sent = sizes.map((size) => randomBytes(size));
    for (const [index, message] of sent.entries()) {
      if (index % 2 === 0) call.send(withRoom(message));
      else call.sendParts([message.subarray(0, 10), message.subarray(10)]);
    }
    await client.until(() => messages.length === sent.length);
    t.strictSame(messages, sent);
  });

  t.test(
    'first requests of 55 kB on two streams pass a window of 65 535 bytes, and wait for the rest of it',
    async (t) => {
      const received = new Map<number, number>();
      const { path } = await serveHttp2(t, (stream) => {
        const id = stream.id ?? 0;
        stream.respond({ ':status': 200 });
        stream.on('data', (bytes: Buffer) => {
          received.set(id, (received.get(id) ?? 0) + bytes.length);
          if (received.get(id) === 55_005) stream.write(framed(Buffer.from('have it')));
        });
      });
      const client = await connectRaw(t, path, open());
      const calls = [client.open(), client.open()];
      for (const { call } of calls) call.sendParts([Buffer.alloc(55_000)]);
      await client.until(() => calls.every(({ messages }) => messages.length === 1));
      t.strictSame([...received.values()], [55_005, 55_005]);
    },
  );

  t.test('a smaller window or frame than the usual is respected from the SETTINGS on', async (t) => {
    const { path } = await serveHttp2(
      t,
      (stream) => {
        stream.respond({ ':status': 200 });
        stream.pipe(stream);
      },
      { initialWindowSize: 100 },
    );
    const client = await connectRaw(t, path, open());
    const message = randomBytes(50_000);
    const first = client.open();
    first.call.send(withRoom(Buffer.from('settings have come')));
    await client.until(() => first.messages.length === 1);
    const { call, messages } = client.open();
    call.send(withRoom(message));
    await client.until(() => messages.length === 1);
    t.strictSame(messages, [message]);
  });

  t.test('header fields arrive as they were given, a token longer than a frame too', async (t) => {
    const seen: NodeJS.Dict<string | string[]>[] = [];
    const { path } = await serveHttp2(
      t,
      (stream, headers) => {
        seen.push(headers);
        endCall(stream, { 'grpc-status': '0' });
      },
      { maxHeaderListSize: 100_000 },
    );
    const token = 'x'.repeat(40_000);
    const client = await connectRaw(t, path, open());
    const base = [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/p'],
      [':authority', 'h'],
    ] as const;
    const { ends } = client.open([...base, ['authorization', `Bearer ${token}`], ['x-all', PRINTABLE]]);
    await client.until(() => ends.length === 1);
    t.match(seen, [{ ':method': 'POST', ':path': '/p', authorization: `Bearer ${token}`, 'x-all': PRINTABLE }]);
  });

  const ends = [
    {
      name: 'status and message',
      trailers: { 'grpc-status': '16', 'grpc-message': 'no%20token' },
      want: ['status UNAUTHENTICATED', 'no token'],
    },
    {
      name: 'all characters, Huffman-coded',
      trailers: { 'grpc-status': '2', 'grpc-message': PRINTABLE },
      want: ['status UNKNOWN', PRINTABLE],
    },
    {
      name: 'a text that is no percent-encoding',
      trailers: { 'grpc-status': '14', 'grpc-message': '100%' },
      want: ['status UNAVAILABLE', '100%'],
    },
    { name: 'a status without a name', trailers: { 'grpc-status': '99' }, want: ['status 99', ''] },
    {
      name: 'fields that we do not know',
      trailers: { 'x-rare': 'a'.repeat(300), 'grpc-status': '0' },
      want: ['status OK', ''],
    },
    {
      name: 'trailers longer than a frame',
      trailers: { 'grpc-status': '13', 'grpc-message': 'é'.repeat(3000), 'x-long': '~'.repeat(30_000) },
      want: ['status INTERNAL', 'é'.repeat(3000)],
    },
  ] as const;
  for (const { name, trailers, want } of ends) {
    t.test(`a call ends with its status: ${name}`, async (t) => {
      const encoded = Object.fromEntries(
        Object.entries(trailers).map(([key, value]) => [key, value.replaceAll('é', '%C3%A9')]),
      );
      const { path } = await serveHttp2(t, (stream) => endCall(stream, encoded));
      const client = await connectRaw(t, path, open());
      const { ends } = client.open();
      await client.until(() => ends.length === 1);
      t.strictSame(
        ends.map(({ error, detail }) => [error, detail]),
        [want],
      );
    });
  }

  t.test('octets above ASCII in a header are decoded too', async (t) => {
    const text = Buffer.from(Array.from({ length: 128 }, (_, index) => 128 + index)).toString('latin1');
    const { path } = await serveHttp2(t, (stream) => endCall(stream, { 'grpc-status': '2', 'grpc-message': text }));
    const client = await connectRaw(t, path, open());
    const { ends } = client.open();
    await client.until(() => ends.length === 1);
    t.equal(ends[0]?.detail, text);
  });

  t.test('other ends are told apart', async (t) => {
    const { path, sessions } = await serveHttp2(t, (stream, headers) => {
      switch (headers[':path']) {
        case '/reset':
          stream.close(2);
          break;
        case '/404':
          stream.respond({ ':status': 404 }, { endStream: true });
          break;
        case '/none':
          stream.respond({ ':status': 200 });
          stream.end();
          break;
        case '/compressed':
          stream.respond({ ':status': 200 });
          stream.write(Buffer.of(1, 0, 0, 0, 0));
          break;
        default:
          for (const session of sessions) session.destroy();
      }
    });
    const endOf = async (name: string): Promise<string> => {
      const client = await connectRaw(t, path, open());
      const { ends } = client.open([
        [':method', 'POST'],
        [':scheme', 'http'],
        [':path', name],
        [':authority', 'h'],
      ]);
      await client.until(() => ends.length === 1);
      return ends[0]?.error ?? '';
    };
    t.equal(await endOf('/reset'), 'reset INTERNAL_ERROR');
    t.equal(await endOf('/404'), 'http 404');
    t.equal(await endOf('/none'), 'ended without a status');
    t.equal(await endOf('/compressed'), 'protocol');
    t.match(await endOf('/closed'), /^(closed|goaway .*|reset .*|connection lost ECONNRESET)$/);
  });

  t.test('PINGs are answered on both sides', async (t) => {
    const { path, sessions } = await serveHttp2(t, () => {});
    const client = await connectRaw(t, path, open());
    client.connection.ping();
    await client.until(() => client.pongs() === 1);
    const [session] = sessions;
    const payload = await new Promise((resolve, reject) =>
      session?.ping(Buffer.from('12345678'), (error, _ms, payload) => (error ? reject(error) : resolve(payload))),
    );
    t.strictSame(payload, Buffer.from('12345678'));
  });

  t.test('after a GOAWAY a stream that the server took goes on, and no new one is to be opened', async (t) => {
    const { path, sessions } = await serveHttp2(t, (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const client = await connectRaw(t, path, open());
    const { call, messages, ends } = client.open();
    call.send(withRoom(Buffer.from('1')));
    await client.until(() => messages.length === 1);
    t.equal(client.connection.goneAway, undefined);
    for (const session of sessions) session.goaway(0, 1);
    call.send(withRoom(Buffer.from('2')));
    await client.until(() => messages.length === 2);
    t.match(client.connection.goneAway, { error: 'goaway NO_ERROR', detail: '' });
    t.strictSame(ends, []);
  });

  t.test('calls that the server has not looked at end with the code and the text of its GOAWAY', async (t) => {
    const { path } = await serveHttp2(t, (stream) => stream.session?.goaway(11, 1, Buffer.from('too many', 'latin1')));
    const client = await connectRaw(t, path, open());
    const [taken, late] = [client.open(), client.open()];
    await client.until(() => late.ends.length === 1);
    t.same(late.ends, [{ error: 'goaway ENHANCE_YOUR_CALM', detail: 'too many' }]);
    t.same(taken.ends, []);
  });

  const broken = [
    { name: 'PING', frame: encodeFrame(Frame.ping, 0, 0, Buffer.alloc(7)) },
    { name: 'RST_STREAM', frame: encodeFrame(Frame.resetStream, 0, 1, Buffer.alloc(3)) },
    { name: 'WINDOW_UPDATE', frame: encodeFrame(Frame.windowUpdate, 0, 0, Buffer.alloc(5)) },
  ];
  for (const { name, frame } of broken) {
    t.test(`${name} of another size ends the connection, and is told`, async (t) => {
      const path = await serveBytes(t, Buffer.concat([encodeSettings([]), frame]));
      const client = await connectRaw(t, path, open());
      client.open();
      await client.until(() => client.closes.length === 1);
      t.match(client.closes, [{ error: 'protocol', detail: `got ${name} of another size`, wasConnected: true }]);
    });
  }

  t.test('a socket that nobody listens on is told as such', async (t) => {
    const client = await connectRaw(t, join(shortDir(t), 'none'), open());
    t.match(client.closes, [{ wasConnected: false, error: 'connect ENOENT' }]);
  });
}
