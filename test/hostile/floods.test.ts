import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import t from 'tap';
import { reflectionOf } from '../../src/net/grpc/reflection/reflection-codec.js';
import { encodeFrame, Flag, Frame, Http2ErrorCode } from '../../src/net/http2/index.js';
import { callHeaders, data, grpcMessage, ping, reset, windowUpdate } from '../support/raw-frames.js';
import { encodeRequest } from '../support/sds-client.js';
import { SOCKET_WAYS } from '../support/socket-ways.js';
import { PingWatch } from './ping-watch.js';
import { asks, LIST_SERVICES, REFLECTION, STREAM_SECRETS, serveHostile, Victim } from './served.js';

// As an agent has it (src/cli/launch.ts): the garbage collector's pauses are its own, too, and it works alone here, so
// that they are seen in full.
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--no-parallel-scavenge');

// What the first question loads is small where it ships (scripts/build.mjs). Here it has the whole of grpc-js and
// protobufjs with it, and so is loaded beforehand.
reflectionOf([]);

const NOTHING = Buffer.alloc(0);

/** Few, since flooder and server are one thread: a PING takes three turns, and each of them has so many steps. */
const PER_WRITE = 100;

/** Twice of what a server of ours puts up with. */
const WRITES = 400;

/** What the `count`-th step of a flood sends; stream 1 is open. */
const floods: readonly { name: string; step: (count: number) => Buffer }[] = [
  { name: 'PING', step: () => ping() },
  { name: 'SETTINGS', step: () => encodeFrame(Frame.settings, 0, 0, NOTHING) },
  { name: 'empty DATA', step: () => data(1, NOTHING) },
  { name: 'PRIORITY', step: () => encodeFrame(Frame.priority, 0, 1, Buffer.from([0, 0, 0, 9, 1])) },
  { name: 'WINDOW_UPDATE', step: () => windowUpdate(0, 1) },
  { name: 'rapid reset', step: (at) => Buffer.concat([callHeaders(3 + 2 * at, STREAM_SECRETS), reset(3 + 2 * at)]) },
  {
    name: 'rapid reset of streams that have asked',
    step: (at) => Buffer.concat([asks(3 + 2 * at), reset(3 + 2 * at)]),
  },
  { name: 'calls of no method', step: (at) => callHeaders(3 + 2 * at, '/none') },
  { name: 'requests', step: () => data(1, grpcMessage(encodeRequest({ names: ['default'], nonce: 'stale' }))) },
  {
    name: 'questions for services',
    step: (at) =>
      Buffer.concat([callHeaders(3 + 2 * at, REFLECTION), data(3 + 2 * at, grpcMessage(LIST_SERVICES), true)]),
  },
  { name: 'empty messages', step: () => data(1, grpcMessage(NOTHING)) },
];

for (const via of SOCKET_WAYS) {
  for (const { name, step } of floods) {
    t.test(
      `rows 65, 66: via ${via}: a flood of ${name} is ended, once in the log; a victim rotates, and PINGs, meanwhile`,
      async (t) => {
        const served = await serveHostile(t, { via });
        const victim = await Victim.connect(t, served);
        // Made before, because the flooder and the server are one thread.
        const writes = Array.from({ length: WRITES }, (_, write) =>
          Buffer.concat(Array.from({ length: PER_WRITE }, (_, index) => step(write * PER_WRITE + index))),
        );
        const flooder = await served.peer();
        flooder.send(asks(1, ['nothing']));
        const pings = await PingWatch.start(served);
        let slowestMs = 0;
        for (const [at, write] of writes.entries()) {
          if (flooder.isClosed) break;
          flooder.send(write);
          await nextTurn();
          if (at % 50 === 0) slowestMs = Math.max(slowestMs, await victim.rotates());
        }
        t.equal(await flooder.ended(), Http2ErrorCode.enhanceYourCalm);
        await pings.wasNeverKeptWaiting(t);
        t.equal(served.count('flood'), 1);
        t.match(served.logger.of('connection broken by its peer'), [
          {
            level: 'warn',
            fields: { code: 'ENHANCE_YOUR_CALM', pid: via === 'addon' ? process.pid : undefined },
          },
        ]);
        slowestMs = Math.max(slowestMs, await victim.rotates());
        t.comment(`slowest rotation of the victim: ${slowestMs.toFixed(1)} ms`);
        t.equal(served.sds.status().streams, 1, 'nothing of the flooder is left');
      },
    );
  }

  t.test(
    `rows 65, 66: via ${via}: a header block without end, and one above the limit, end or answer as they must`,
    async (t) => {
      const served = await serveHostile(t, { via });
      const victim = await Victim.connect(t, served);
      const pings = await PingWatch.start(served);
      const endless = await served.peer();
      endless.send(encodeFrame(Frame.headers, 0, 1, NOTHING));
      for (let count = 0; count < 100; count += 1) endless.send(encodeFrame(Frame.continuation, 0, 1, NOTHING));
      t.equal(await endless.ended(), Http2ErrorCode.enhanceYourCalm);
      const large = await served.peer();
      large.send(callHeaders(1, STREAM_SECRETS, [['x', 'x'.repeat(70_000)]]));
      const answer = await large.frame(({ type, streamId }) => type === Frame.headers && streamId === 1);
      t.match(answer.payload.toString('latin1'), '431');
      t.equal(answer.flags & Flag.endStream, Flag.endStream);
      await victim.rotates();
      await pings.wasNeverKeptWaiting(t);
    },
  );

  t.test(`row 66: via ${via}: PINGs are answered while thousands of streams are pushed to`, async (t) => {
    const served = await serveHostile(t, { via });
    const gateway = await served.peer();
    for (let index = 0; index < 4000; index += 1) gateway.send(asks(1 + 2 * index));
    gateway.send(windowUpdate(0, 2 ** 30));
    const reached = () =>
      new Set(gateway.frames.filter(({ type }) => type === Frame.data).map(({ streamId }) => streamId)).size;
    await gateway.until(() => gateway.frames.length >= 4000 && reached() === 4000);
    gateway.frames.length = 0;
    const pings = await PingWatch.start(served);
    // Its ACKs are left out: what is newer is pushed all the same once the time for them has passed.
    served.source.set({ default: 'newer' });
    served.pass(31_000);
    await gateway.until(() => gateway.frames.length >= 4000 && reached() === 4000);
    await pings.wasNeverKeptWaiting(t);
  });
}
