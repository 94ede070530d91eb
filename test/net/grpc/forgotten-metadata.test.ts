import { connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { createGrpcServer, type GrpcCall } from '../../../src/net/grpc/index.js';
import type { Wire } from '../../../src/net/http2/index.js';
import { listenUnix } from '../../../src/net/transport/index.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { shortDir } from '../../support/short-dir.js';

t.test('a call keeps only the metadata that its method wants, and none once it has let go of it', async (t) => {
  const path = join(shortDir(t), 's.sock');
  const server = createGrpcServer({ logger: silentLogger, maxReceiveBytes: 1000, maxConcurrentStreams: 8 });
  const seen: (readonly string[])[] = [];
  const open = (call: GrpcCall): void => {
    seen.push(call.authorization, call.metadata('te'));
    call.forgetMetadata();
    seen.push(call.authorization, call.metadata('te'));
    call.listen({ part() {}, halfClosed: () => call.end(), gone() {} });
  };
  server.addMethod('/test.Forgetful/Stream', open, { metadata: ['authorization'] });
  const onWire = (wire: Wire): void => server.attach(wire);
  const listener = await listenUnix({ path, mode: 0o600, backlog: 8, via: 'addon', onWire, logger: silentLogger });
  t.teardown(async () => {
    await listener.close();
    await server.close(0);
  });
  const client = connect('http://localhost', { createConnection: () => connectSocket(path) });
  t.teardown(() => client.destroy());
  const stream = client.request({
    ':method': 'POST',
    ':path': '/test.Forgetful/Stream',
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: 'Bearer abc',
  });
  stream.resume();
  stream.end();
  await new Promise((resolve) => stream.on('close', resolve));
  t.strictSame(seen, [['Bearer abc'], [], [], []]);
});
