import { createSdsServer, MAX_REQUEST_BYTES } from '../../src/agent/sds/index.js';
import { addHealthMethods, addReflectionMethods, createGrpcServer, type GrpcCall } from '../../src/net/grpc/index.js';
import { Frame } from '../../src/net/http2/index.js';
import { silentLogger } from '../../src/telemetry/index.js';
import { below, ECHO, hostileBytes, type Random } from '../hostile/conversations.js';
import { asks } from '../hostile/served.js';
import { FakeSecretSource } from '../support/fake-secret-source.js';
import { MemoryWire } from '../support/memory-wire.js';
import { data, grpcMessage, opening, ping, windowUpdate } from '../support/raw-frames.js';
import type { Fault, FuzzSession, FuzzTarget } from './target.js';

/** Peers at a time: then whoever was let live gets a rotation, all go, and the server is looked at. */
const BATCH = 200;

/** What is counted of the calls of {@link ECHO}: each of both pairs must come out equal. */
class EchoCounts {
  opened = 0;
  gone = 0;
  sent = 0;
  written = 0;

  /** Serves a call: sends each message back, and does so in its last moment, too. */
  readonly serve = (call: GrpcCall): void => {
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
  const server = createGrpcServer({ logger, maxReceiveBytes: MAX_REQUEST_BYTES, maxConcurrentStreams: 100 });
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

/** Conversations of peers with an agent's server, with garbage in them: none harms more than its own connection. */
export const frames: FuzzTarget = {
  name: 'frames',
  maxInputMs: 100,
  maxGrownMb: 30,
  testRuns: 15_000,
  open: () => new FramesSession(),
};

class FramesSession implements FuzzSession {
  readonly met = { ended: 0, lived: 0 };
  private readonly memory = memoryServer();
  private readonly victim = new MemoryWire();
  private readonly baseline: string;
  private wires: MemoryWire[] = [];
  private batches = 0;

  constructor() {
    this.memory.server.attach(this.victim);
    this.victim.feed(opening(), windowUpdate(0, 2 ** 30));
    this.baseline = this.standing();
  }

  run(random: Random): Fault | Promise<Fault> {
    const wire = new MemoryWire(this.victim.outbox);
    this.wires.push(wire);
    this.memory.server.attach(wire);
    play(random, wire);
    this.met[wire.isEnded || wire.isDestroyed ? 'ended' : 'lived'] += 1;
    return this.wires.length < BATCH ? undefined : this.look();
  }

  async close(): Promise<void> {
    await this.look();
    await this.memory.sds.endAllStreams();
    this.victim.hangUp();
    await this.memory.server.close(0);
  }

  private standing(): string {
    const { server, sds, source } = this.memory;
    return JSON.stringify([server.connectionCount, sds.status().streams, source.openViews]);
  }

  private async look(): Promise<Fault> {
    const { source, bugs, counts } = this.memory;
    const text = `leaf ${this.batches}`;
    source.set({ default: text });
    await turns();
    for (const wire of this.wires) wire.hangUp();
    this.wires = [];
    this.batches += 1;
    const isServed = await servesNewest(this.victim, 2 * this.batches - 1, text);
    source.forget();
    if (bugs.length > 0) return `something of ours threw: ${JSON.stringify(bugs)}`;
    if (this.standing() !== this.baseline) return `left behind: ${this.standing()}, before: ${this.baseline}`;
    if (counts.gone !== counts.opened) return `${counts.opened} calls, of which ${counts.gone} have ended`;
    if (counts.written !== counts.sent) return `${counts.sent} answers, of which ${counts.written} were written`;
    return isServed ? undefined : 'somebody else is not served any more';
  }
}

/** Lets broadcasts and what was opened come to their ends. */
async function turns(): Promise<void> {
  for (let count = 0; count < 3; count += 1) await new Promise(setImmediate);
}

/** Whether somebody else gets the newest secret on a new stream, and an answer to a PING. */
async function servesNewest(wire: MemoryWire, streamId: number, text: string): Promise<boolean> {
  wire.feed(asks(streamId, ['default']), ping());
  await turns();
  const frames = wire.takeFrames();
  wire.feed(data(streamId, Buffer.alloc(0), true));
  await turns();
  wire.takeFrames();
  const isNewest = frames.some(({ type, payload }) => type === Frame.data && payload.includes(text));
  return isNewest && frames.some(({ type }) => type === Frame.ping);
}
