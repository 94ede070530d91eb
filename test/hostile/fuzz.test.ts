import t from 'tap';
import { Frame } from '../../src/http2/index.js';
import { addHealthMethods, addReflectionMethods, createFramedServer, type FramedCall } from '../../src/rpc/index.js';
import { createSdsServer, MAX_REQUEST_BYTES } from '../../src/sds/index.js';
import { silentLogger } from '../../src/telemetry/index.js';
import { FakeSecretSource } from '../support/fake-secret-source.js';
import { MemoryWire } from '../support/memory-wire.js';
import { seededRandom } from '../support/prng.js';
import { data, grpcMessage, opening, ping, windowUpdate } from '../support/raw-frames.js';
import { SOCKET_WAYS } from '../support/socket-ways.js';
import { below, ECHO, hostileBytes, type Random } from './conversations.js';
import { asks, serveHostile, Victim } from './served.js';

/** `FUZZ_CASES=1000000 FUZZ_SEED=7 node build/test/hostile/fuzz.test.js` for more of them, and others. */
const CASES = Number(process.env.FUZZ_CASES ?? 20_000);
const SEED = Number(process.env.FUZZ_SEED ?? 1);

/** Between two looks at the others. */
const BATCH = 500;

/** What is counted of the calls of {@link ECHO}: each of both pairs must come out equal. */
class EchoCounts {
  opened = 0;
  gone = 0;
  sent = 0;
  written = 0;

  /** Serves a call: sends each message back, and does so in its last moment, too. */
  readonly serve = (call: FramedCall): void => {
    this.opened += 1;
    const answer = (bytes: Buffer): void => {
      this.sent += 1;
      call.send(grpcMessage(bytes), Buffer.from('tail'), () => {
        this.written += 1;
      });
    };
    call.listen({
      part: (bytes) => answer(Buffer.from(bytes)),
      halfClosed: () => call.end(),
      gone: () => {
        this.gone += 1;
        answer(Buffer.from('too late'));
        call.end();
      },
    });
  };
}

function memoryServer() {
  const source = new FakeSecretSource();
  const bugs: unknown[] = [];
  const logger = { ...silentLogger, error: (message: string, fields: unknown) => bugs.push([message, fields]) };
  const server = createFramedServer({ logger, maxReceiveBytes: MAX_REQUEST_BYTES, maxConcurrentStreams: 100 });
  const sds = createSdsServer({
    server,
    source,
    logger,
    controlPlaneIdentifier: 'fuzz',
    now: () => 0,
    every: () => () => {},
  });
  addHealthMethods(server, () => true);
  addReflectionMethods(server);
  const counts = new EchoCounts();
  server.addMethod(ECHO, counts.serve);
  source.set({ default: 'leaf', ROOTCA: 'bundle' });
  return { source, server, sds, counts, bugs };
}

/** One peer: says its bytes in pieces, may not read, and goes away, unless it was sent away. */
function play(random: Random, wire: MemoryWire): void {
  const bytes = hostileBytes(random);
  wire.isStuck = random() < 0.1;
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + below(random, random() < 0.2 ? 20 : bytes.length);
    wire.feed(bytes.subarray(at, end));
    at = end;
  }
}

t.test(
  `row 64: ${CASES} seeded conversations with garbage in them (seed ${SEED}) harm nobody but their own connection`,
  async (t) => {
    const { source, server, sds, counts, bugs } = memoryServer();
    const victim = new MemoryWire();
    server.attach(victim);
    victim.feed(opening(), windowUpdate(0, 2 ** 30));
    const baseline = { connections: server.connectionCount, streams: sds.streamCount, views: source.openViews };
    const random = seededRandom(SEED);
    const startedAtMs = performance.now();
    let heapAfterStart = 0;
    let played = 0;
    let isWell = true;
    while (played < CASES && isWell) {
      const wires: MemoryWire[] = [];
      for (const end = Math.min(CASES, played + BATCH); played < end; played += 1) {
        const wire = new MemoryWire(victim.outbox);
        wires.push(wire);
        server.attach(wire);
        play(random, wire);
      }
      // Whoever was let live gets a rotation, and then all go.
      source.set({ default: `leaf ${played}` });
      await turns();
      for (const wire of wires) wire.hangUp();
      const now = { connections: server.connectionCount, streams: sds.streamCount, views: source.openViews };
      isWell =
        JSON.stringify(now) === JSON.stringify(baseline) &&
        (await isServed(victim, 2 * (played / BATCH) + 1, `leaf ${played}`));
      source.forget();
      if (played === 10 * BATCH) heapAfterStart = heapNow();
    }
    t.ok(isWell, `all others are as they were, after ${played}`);
    t.same(bugs, []);
    t.equal(counts.gone, counts.opened, `${counts.opened} calls`);
    t.equal(counts.written, counts.sent, `${counts.sent} answers`);
    const grownMb = (heapNow() - heapAfterStart) / 2 ** 20;
    t.ok(grownMb < 30, `heap grew by ${grownMb.toFixed(1)} MB`);
    t.comment(`${(((performance.now() - startedAtMs) * 1000) / CASES).toFixed(1)} µs a case`);
  },
);

/** Lets broadcasts and what was opened come to their ends. */
async function turns(): Promise<void> {
  for (let count = 0; count < 3; count += 1) await new Promise(setImmediate);
}

/** Whether somebody else gets the newest secret on a new stream, and an answer to a PING. */
async function isServed(wire: MemoryWire, streamId: number, text: string): Promise<boolean> {
  wire.feed(asks(streamId, ['default']), ping());
  await turns();
  const frames = wire.takeFrames();
  wire.feed(data(streamId, Buffer.alloc(0), true));
  await turns();
  wire.takeFrames();
  const isNewest = frames.some(({ type, payload }) => type === Frame.data && payload.includes(text));
  return isNewest && frames.some(({ type }) => type === Frame.ping);
}

function heapNow(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

for (const via of SOCKET_WAYS) {
  t.test(`row 64: via ${via}: the same over real sockets, beside a victim`, async (t) => {
    const served = await serveHostile(t, { via });
    const victim = await Victim.connect(t, served);
    const random = seededRandom(SEED + 1);
    for (let round = 0; round < 20; round += 1) {
      const peers = await Promise.all(Array.from({ length: 25 }, () => served.peer({ greets: false })));
      for (const peer of peers) {
        const bytes = hostileBytes(random);
        const cut = below(random, bytes.length + 1);
        peer.send(bytes.subarray(0, cut));
        if (random() < 0.2) peer.socket.destroy();
        else peer.send(bytes.subarray(cut));
        if (random() < 0.5) peer.socket.end();
      }
      await victim.rotates();
      for (const peer of peers) peer.socket.destroy();
    }
    while (served.server.connectionCount > 1) await victim.rotates();
    t.equal(served.sds.streamCount, 1);
    t.same(
      served.logger.lines.filter(({ level }) => level === 'error'),
      [],
    );
  });
}
