import type { ClientDuplexStream } from '@grpc/grpc-js';
import t from 'tap';
import { addHealthWatch, grpcMessages, openChannel } from '../../src/rpc/index.js';
import { serveSds } from '../sds/serve.js';

const { HealthCheckRequest, HealthCheckResponse } = grpcMessages.health.v1;
const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse.ServingStatus;
const WATCH = '/grpc.health.v1.Health/Watch';

/** A server with a watch that looks when the test says so, and streams that collect what they are told. */
async function serveWatch(t: import('tap').Test) {
  const { server, path } = await serveSds(t);
  const state = { isServing: false, look: (): void => {}, looksStarted: 0, looksStopped: 0 };
  addHealthWatch(
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
  return { state, watch };
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
