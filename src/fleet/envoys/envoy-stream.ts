import type { Call, CallEvents } from '../calls/call.js';
import type { CallEnd } from '../calls/call-end.js';
import type { InspectedEnvoy, InspectedStream } from '../checks/inspection.js';
import { type ReceivedContent, UNNUMBERED } from '../checks/received-content.js';
import type { FleetVerdict } from '../checks/verdict.js';
import type { RecordedStream } from '../measure/recorder.js';
import type { RequestWriter } from '../xds/requests.js';
import type { EnvoyConnection, LinkedStream } from './envoy-connection.js';
import type { FakeEnvoyBehaviour, FleetContext } from './fleet-context.js';
import { REFUSALS } from './refusal.js';

const REJECTION = 'rejected on purpose by sidecert fleet';

/** The Envoy that a stream belongs to. */
export interface EnvoyStreamOwner {
  readonly number: number;
  readonly nodeId: string;
  readonly behaviour: FakeEnvoyBehaviour;
  readonly headerBlock: Buffer;
  readonly inspected: InspectedEnvoy;
}

/** One subscription of one fake Envoy: a gRPC stream that asks for one secret, again and again when it is ended. */
export class EnvoyStream implements CallEvents, LinkedStream, InspectedStream, RecordedStream {
  kind: FleetVerdict['kind'] | undefined;
  notAfterMs = 0;
  readonly envoyNumber: number;
  readonly isMeasured: boolean;
  readonly inspected: InspectedEnvoy;
  /** What it got last. */
  private content: ReceivedContent | undefined;
  /** The version that is; versions of one name are counted from 0. */
  private number = UNNUMBERED;
  private call: Call | undefined;
  /** Since when it waits for an answer to its first request; `undefined` when it has one. */
  private waitingSinceMs: number | undefined;
  private failures = 0;
  private wasRefused = false;
  private heldAnswer: Buffer | undefined;

  constructor(
    readonly name: string,
    private readonly envoy: EnvoyStreamOwner,
    private readonly link: EnvoyConnection,
    private readonly writer: RequestWriter,
    private readonly context: FleetContext,
  ) {
    this.envoyNumber = envoy.number;
    this.isMeasured = envoy.behaviour === 'good';
    this.inspected = envoy.inspected;
  }

  /** Asks for its secret on a connection that is up. `sinceMs` is when the Envoy began to want it. */
  open(sinceMs: number): void {
    this.waitingSinceMs ??= sinceMs;
    const { filler, firstRequestBytes } = this.context;
    this.call = this.link.openCall(this.envoy.headerBlock, this);
    this.call.sendParts(this.writer.first(this.envoy.nodeId, firstRequestBytes, filler));
  }

  message(bytes: Buffer, start: number, end: number): void {
    const { reader, contents, recorder, inspection } = this.context;
    const nowMs = performance.now();
    recorder.pushes += 1;
    recorder.lastPushAtMs = nowMs;
    reader.read(bytes, start, end);
    if (!reader.isOfSecrets) {
      recorder.failed('response of another type', '');
      return;
    }
    this.answer(bytes);
    if (reader.resourceCount !== 1) {
      recorder.failed(`response with ${reader.resourceCount} secrets`, '');
      return;
    }
    const { resource } = reader;
    const content = contents.recognise(this.name, this.content, bytes, resource.start, resource.end);
    this.recordAnswered(nowMs);
    if (content === this.content) {
      recorder.repeats += 1;
      return;
    }
    this.content = content;
    if (content.number === UNNUMBERED) content.number = this.number + 1;
    inspection.add(this, content);
    if (content.number <= this.number) return;
    if (this.number !== UNNUMBERED) recorder.rotated(this, this.number, content.number, nowMs);
    this.number = content.number;
  }

  ended({ error, detail }: CallEnd): void {
    this.call = undefined;
    this.heldAnswer = undefined;
    this.recordEnd(error, detail);
    this.context.retries.add(this, this.failures, performance.now());
    this.failures += 1;
  }

  lost(end: CallEnd): void {
    if (this.call !== undefined) this.ended(end);
  }

  /** After a back-off. When its connection is down too, it is opened when that is up. */
  retry(): void {
    if (this.call === undefined) this.link.reopen(this);
  }

  /** A slow one lets go of what it held back, and reads on. */
  wake(): void {
    const answer = this.heldAnswer;
    this.heldAnswer = undefined;
    this.link.resume();
    if (answer !== undefined) this.call?.send(answer);
  }

  /** Its connection is closed by us: the stream is no more. */
  forget(): void {
    this.call = undefined;
    this.heldAnswer = undefined;
  }

  private recordAnswered(nowMs: number): void {
    if (this.waitingSinceMs === undefined) return;
    const tookMs = nowMs - this.waitingSinceMs;
    this.waitingSinceMs = undefined;
    this.failures = 0;
    this.link.proved();
    const { recorder } = this.context;
    if (this.content === undefined) recorder.served(this, tookMs, nowMs);
    else recorder.returnedMs.push(tookMs);
  }

  private recordEnd(error: string, detail: string): void {
    const { recorder } = this.context;
    recorder.failed(error, detail);
    if (this.wasRefused || !REFUSALS.has(error)) return;
    this.wasRefused = true;
    recorder.refusedStreams += 1;
  }

  private answer(bytes: Buffer): void {
    const { reader } = this.context;
    switch (this.envoy.behaviour) {
      case 'good':
        this.call?.send(this.writer.ack(bytes, reader.version, reader.nonce));
        return;
      case 'nack':
        this.call?.send(this.writer.nack(bytes, reader.nonce, REJECTION));
        return;
      case 'slow':
        this.heldAnswer = this.writer.ack(bytes, reader.version, reader.nonce);
        this.link.pause();
        this.context.sleepers.push(this);
        return;
      case 'silent':
        return;
      default:
        this.envoy.behaviour satisfies never;
    }
  }
}
