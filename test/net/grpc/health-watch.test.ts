import type { ClientDuplexStream } from '@grpc/grpc-js';
import t from 'tap';
import { addHealthWatch } from '../../../src/net/grpc/health/health-watch.js';
import { openChannel, status } from '../../../src/net/grpc/index.js';
import { Flag, Frame } from '../../../src/net/http2/index.js';
import { grpcMessages } from '../../../src/net/protobuf/index.js';
import { serveSds } from '../../agent/sds/serve.js';
import { callHeaders, data } from '../../support/raw-frames.js';
import { RawPeer } from '../../support/raw-peer.js';

const { HealthCheckRequest, HealthCheckResponse } = grpcMessages.health.v1;
const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse.ServingStatus;
const WATCH = '/grpc.health.v1.Health/Watch';

/** A server with a watch that looks when the test says so, and streams that collect what they are told. */
async function serveWatch(t: import('tap').Test) {
  const { server, path } = await serveSds(t);
  const state = { isServing: false, look: (): void => {}, looksStarted: 0, looksStopped: 0 };
  const watches = addHealthWatch(
    server,
    () => state.isServing,
    (_periodMs, act) => {
      state.look = act;
      state.looksStarted += 1;
      return () => {
        state.looksStopped += 1;
      };
    },
  );
  const channel = openChannel({ unix: path });
  t.teardown(() => channel.close());
  const watch = (service = '') => {
    const stream = channel.bidi(WATCH);
    stream.on('error', () => {});
    stream.write(Buffer.from(HealthCheckRequest.encode({ service }).finish()));
    return { stream, next: () => nextStatus(stream) };
  };
  return { state, watch, watches, path };
}

function nextStatus(stream: ClientDuplexStream<Buffer, Buffer>): Promise<number> {
  return new Promise((resolve) => {
    stream.once('data', (bytes: Buffer) => resolve(HealthCheckResponse.decode(bytes).status));
  });
}

t.test('a watch tells the status at once, and each change of it', async (t) => {
  const { state, watch } = await serveWatch(t);
  const { next, stream } = watch();
  t.equal(await next(), NOT_SERVING);
  state.look();
  state.isServing = true;
  const changed = next();
  state.look();
  t.equal(await changed, SERVING);
  const other = watch();
  t.equal(await other.next(), SERVING);
  state.isServing = false;
  const both = Promise.all([next(), other.next()]);
  state.look();
  t.same(await both, [NOT_SERVING, NOT_SERVING]);
  t.equal(state.looksStarted, 1, 'one look for all who watch');
  stream.cancel();
  other.stream.cancel();
  while (state.looksStopped === 0) await new Promise(setImmediate);
  t.equal(state.looksStopped, 1);
});

t.test('a service that is not ours is unknown, and the stream stays', async (t) => {
  const { state, watch } = await serveWatch(t);
  const { next, stream } = watch('other');
  t.equal(await next(), SERVICE_UNKNOWN);
  const ours = watch();
  await ours.next();
  state.isServing = true;
  const changed = ours.next();
  state.look();
  await changed;
  t.notOk(stream.destroyed);
});

t.test('a watch that has half-closed still hears', async (t) => {
  const { state, watch } = await serveWatch(t);
  const { next, stream } = watch();
  stream.end();
  t.equal(await next(), NOT_SERVING);
  state.isServing = true;
  const changed = next();
  state.look();
  t.equal(await changed, SERVING);
});

t.test('a watch is asked once: further messages are neither answered nor kept', async (t) => {
  const { watch, path } = await serveWatch(t);
  const { stream, next } = watch('other');
  t.equal(await next(), SERVICE_UNKNOWN);
  let further = 0;
  stream.on('data', () => {
    further += 1;
  });
  for (let count = 0; count < 10; count += 1) stream.write(Buffer.from('0a0178', 'hex'));
  const others = Array.from({ length: 3 }, () => watch('other'));
  for (const other of others) await other.next();
  t.equal(further, 0);
  const peer = await RawPeer.connect(t, path);
  const beginning = Buffer.concat([Buffer.from('0000100000', 'hex'), Buffer.alloc((1 << 20) - 1)]);
  for (let id = 1; id < 41; id += 2) {
    peer.send(callHeaders(id, WATCH));
    for (let at = 0; at < beginning.length; at += 16_384) peer.send(data(id, beginning.subarray(at, at + 16_384)));
  }
  const refusal = await peer.frame(({ type, flags }) => type === Frame.headers && (flags & Flag.endStream) !== 0);
  t.match(refusal.payload.toString('latin1'), 'got more to keep than there is room for');
});

t.test('before a shutdown all watches end with OK, also of services that are not ours', async (t) => {
  const { watch, watches } = await serveWatch(t);
  const both = [watch(), watch('other')];
  await Promise.all(both.map(({ next }) => next()));
  const ends = both.map(
    ({ stream }) => new Promise<{ code: number }>((resolve) => stream.once('status', resolve).resume()),
  );
  watches.endAllStreams();
  for (const { code } of await Promise.all(ends)) t.equal(code, status.OK);
});
