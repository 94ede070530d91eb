// How long does one new version take to 100, 1 000 and 10 000 streams, and how late is the event loop meanwhile?

import assert from 'node:assert/strict';
import { createSdsServer, SECRET_TYPE_URL, type ServedSecret } from '../src/agent/sds/index.js';
import { loadOperation } from '../src/hotpath/operation.js';
import type { CallEvents, GrpcCall } from '../src/net/grpc/index.js';
import { envoy } from '../src/net/protobuf/index.js';
import { silentLogger } from '../src/telemetry/index.js';
import { FakeSecretSource } from '../test/support/fake-secret-source.js';
import { delaysDuring } from './harness/loop-delay.js';
import { ask, asyncRate, type Case, distribution } from './harness.js';
import { only, sealRequest } from './material.js';

const { DiscoveryRequest } = envoy.service.discovery.v3;

const STREAMS = [100, 1_000, 10_000];

/** Rotations whose delays are taken together, in a round. */
const ROTATIONS = 5;

const seal = await loadOperation('js', 'seal');

/** Two certificates that take turns. */
const SECRETS: readonly ServedSecret[] = ['0000000000000001', '0000000000000002'].map((version) => ({
  version,
  body: only(seal([sealRequest()])).certificateBody,
}));

/** An ACK but for its nonce: field 5 of a request as of a response, so that the tail of the one ends the other. */
const ACK_HEADS = SECRETS.map(({ version }) =>
  DiscoveryRequest.encode({ versionInfo: version, resourceNames: ['default'], typeUrl: SECRET_TYPE_URL }).finish(),
);

const FIRST_REQUEST = Buffer.from(
  DiscoveryRequest.encode({ resourceNames: ['default'], typeUrl: SECRET_TYPE_URL, node: { id: 'bench' } }).finish(),
);

/** All streams of a server, which ACK in the turn of the event loop after the one in which they were pushed to. */
class InProcessEnvoys {
  readonly #source = new FakeSecretSource();
  readonly #pushed: { call: InProcessCall; tail: Buffer }[] = [];
  #version = 0;
  #missing = 0;
  #onAll = (): void => {};

  static async open(count: number): Promise<InProcessEnvoys> {
    const envoys = new InProcessEnvoys();
    const first = envoys.#untilAllHave(count);
    const addMethod = (path: string, open: (call: GrpcCall) => void): void => {
      if (!path.endsWith('/StreamSecrets')) return;
      for (let stream = 0; stream < count; stream += 1) open(new InProcessCall(envoys.onPush));
    };
    createSdsServer({
      server: { addMethod },
      source: envoys.#source,
      logger: silentLogger,
      controlPlaneIdentifier: 'bench',
      now: () => Date.now(),
      every: () => () => {},
    });
    envoys.#publish();
    await first;
    return envoys;
  }

  /** Changes the secret; resolves with how many streams were pushed to, when all of them have ACKed. */
  async rotate(count: number): Promise<number> {
    this.#version = 1 - this.#version;
    const all = this.#untilAllHave(count);
    this.#publish();
    await all;
    return count - this.#missing;
  }

  readonly onPush = (call: InProcessCall, tail: Buffer): void => {
    if (this.#pushed.length === 0) setImmediate(this.#ackAll);
    // The tail is the memory of the next one, too.
    this.#pushed.push({ call, tail: Buffer.from(tail) });
  };

  #publish(): void {
    const secret = SECRETS[this.#version];
    assert.ok(secret);
    this.#source.setSecrets({ default: secret });
  }

  #untilAllHave(count: number): Promise<void> {
    this.#missing = count;
    return new Promise((resolve) => {
      this.#onAll = resolve;
    });
  }

  readonly #ackAll = (): void => {
    const head = ACK_HEADS[this.#version] ?? new Uint8Array();
    for (const { call, tail } of this.#pushed.splice(0)) {
      call.receive(Buffer.concat([head, tail]));
      this.#missing -= 1;
    }
    if (this.#missing === 0) this.#onAll();
  };
}

/** A stream without a connection. */
class InProcessCall implements GrpcCall {
  readonly authorization: readonly string[] = [];
  readonly connection = 1;
  readonly peer = undefined;
  readonly metadata = () => [];
  readonly forgetMetadata = () => {};
  #events: CallEvents | undefined;

  constructor(private readonly onPush: (call: InProcessCall, tail: Buffer) => void) {}

  listen(events: CallEvents): void {
    this.#events = events;
    this.receive(FIRST_REQUEST);
  }

  send(_head: Buffer, tail: Buffer, onWritten?: () => void): void {
    onWritten?.();
    this.onPush(this, tail);
  }

  holds(): boolean {
    return true;
  }

  proven(): void {}
  mayTry(): boolean {
    return true;
  }

  charge(): void {}

  end(): void {
    throw new Error('a stream was ended');
  }

  receive(message: Buffer): void {
    this.#events?.part(message, true);
  }
}

async function casesOf(count: number): Promise<Case[]> {
  const envoys = await InProcessEnvoys.open(count);
  const name = `${count} streams`;
  return [
    asyncRate({
      group: 'pushes with their ACKs',
      name,
      itemsPerCall: count,
      run: () => envoys.rotate(count),
      check: (pushed) => assert.equal(pushed, count),
    }),
    distribution({
      group: 'event-loop delay',
      name,
      unit: 'ms',
      repeat: ROTATIONS,
      measure: (repeat) =>
        delaysDuring(async () => {
          for (let rotation = 0; rotation < repeat; rotation += 1) await envoys.rotate(count);
        }),
    }),
  ];
}

const all: Case[] = [];
for (const count of STREAMS) all.push(...(await casesOf(count)));

await ask({
  name: 'broadcast',
  question:
    'How long does one new version take to 100, 1 000 and 10 000 streams, and how late is the event loop meanwhile?',
  note: 'Streams within the process, without HTTP/2: what the subscription, the response and the reading of the ACK cost. `sidecert fleet` measures the same over sockets.',
  workers: 0,
  cases: all,
  ratios: [{ group: 'pushes with their ACKs', of: '10000 streams', to: '100 streams' }],
});
