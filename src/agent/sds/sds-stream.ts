import { type CancelSignal, CancelSource } from '../../cancellation/index.js';
import { IdentityError } from '../../errors/index.js';
import { type CallEvents, type GrpcCall, toStatusObject } from '../../net/grpc/index.js';
import { octetsOfNames, octetsOfRequest } from './held-octets.js';
import type { LastRejections, StreamRejection } from './last-rejections.js';
import type { StreamMethod } from './methods.js';
import type { PushQueue, PushTarget } from './push-queue.js';
import { RepeatLimit } from './repeat-limit.js';
import { type DecodedRequest, decodeRequest, MAX_NAMES, tooManyNames, wrongType } from './request-codec.js';
import { RequestReader } from './request-reader.js';
import { encodeTail, NONCE_CHARS, type ResponseEncoder } from './response-encoder.js';
import type { SecretSource, SecretView, SecretViewEvents } from './secret-source.js';
import { type SecretLookup, stateOf, toSend } from './sending.js';
import type { FoundSecret, ServedContents } from './served-contents.js';
import type { StreamLog } from './stream-log.js';
import type { StreamMetrics } from './stream-metrics.js';
import type { NameVisitor, SubscribedStream } from './subscribers.js';
import {
  NEW_SUBSCRIPTION,
  onChanged,
  onRepeat,
  onRequest,
  onSent,
  onTime,
  type RequestMeaning,
} from './subscription.js';
import type { Form, Outstanding } from './subscription-state.js';
import { wantsAny } from './wanted-names.js';

/** What all streams of a server share. */
export interface StreamContext {
  readonly source: SecretSource;
  readonly contents: ServedContents;
  readonly encoders: Readonly<Record<Form, ResponseEncoder>>;
  readonly broadcast: PushQueue;
  readonly log: StreamLog;
  readonly metrics: StreamMetrics;
  readonly rejections: LastRejections;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** What all nonces of this server begin with; not to be guessed. */
  readonly noncePrefix: string;
  /** Whether a delta client is told of names that can never have a secret. */
  readonly tellsRemovals: boolean;
  /** A peer has refused what it got. */
  onRejected(event: RejectedSecrets): void;
  /** The stream has ended, from either side. */
  onGone(stream: SdsStream): void;
}

/** A refusal, and whose it is. */
export interface RejectedSecrets extends StreamRejection {
  readonly nodeId: string;
}

/** What a stream may ask before its caller is known; Envoy asks once. */
const MAX_EARLY_REQUESTS = 16;

/**
 * Names for one unit of work, each time that they are looked up; and of a request for one unit of what is a flood: a
 * proxy that asks for one more of 2 000 secrets each time sends two million names within a moment. (http2, `Cost`)
 */
const NAMES_PER_WORK = 4;
const NAMES_PER_COST = 16;

/** A stream's number in its nonces: no stream can name a nonce of another one. */
const NONCE_STREAM_HEX_DIGITS = 8;

/**
 * One call of a {@link StreamMethod}: carries requests to the {@link NEW_SUBSCRIPTION | subscription}, which decides,
 * and its responses back. It ends with OK when the peer has half-closed or the view asks for it, else with an error's
 * status.
 *
 * There are thousands, most of them idle: it is its own listener of call, view and broadcast, and holds nothing that
 * can be shared or made when needed.
 */
export class SdsStream implements PushTarget, CallEvents, SecretViewEvents, SecretLookup, SubscribedStream {
  readonly method: StreamMethod;
  readonly connection: number;
  readonly stream: number;
  nodeId = '';
  lastRejection: StreamRejection | undefined;
  /** NaN: never. Kept as a number, which costs the least of thousands of streams. */
  private ackedMs = Number.NaN;
  private readonly call: GrpcCall;
  private readonly context: StreamContext;
  /** Until the caller is known: ends the wait for that. */
  private opening: CancelSource | undefined;
  /** While a request comes in parts. */
  private reader: RequestReader | undefined;
  /** What was asked before the caller was known. */
  private early: DecodedRequest[] | undefined;
  /**
   * Octets, as the ledger knows them: of the requests that wait for the caller to be known, and of the wanted names.
   */
  private waitingOctets = 0;
  private nameOctets = 0;
  private view: SecretView | undefined;
  private subscription: (typeof NEW_SUBSCRIPTION)[Form];
  private sentCount = 0;
  /** What the nonces of this stream begin with, once it has sent one. */
  private noncePrefix: string | undefined;
  private repeatLimit: RepeatLimit | undefined;
  private isHalfClosed = false;
  private isQueued = false;
  /** Its turn in a broadcast came while a response was unanswered. */
  private isBehind = false;
  private isOver = false;

  /** `stream` is its number in this process. */
  constructor(call: GrpcCall, method: StreamMethod, { stream, context }: { stream: number; context: StreamContext }) {
    this.method = method;
    this.connection = call.connection;
    this.stream = stream;
    this.call = call;
    this.context = context;
    this.subscription = NEW_SUBSCRIPTION[method.form];
  }

  /** Serves the call from now on; it may be over when this returns. */
  start(): void {
    const call = this.call;
    call.listen(this);
    const { authorization, connection, peer, origin } = call;
    const charge = (cost: number, work: number): void => call.charge(cost, work);
    const caller = { authorization, connection, peer, origin, charge };
    const gone = (): CancelSignal => {
      this.opening ??= new CancelSource();
      return this.opening;
    };
    try {
      const opened = this.context.source.open(caller, gone);
      if (!(opened instanceof Promise)) this.serve(opened);
      else {
        opened.then(
          (view) => this.serve(view),
          (error: unknown) => this.close(error),
        );
      }
    } catch (error) {
      this.close(error);
    }
  }

  part(bytes: Buffer, isLast: boolean): void {
    if (this.isOver) return;
    try {
      const request = this.read(bytes, isLast);
      if (request === undefined) return;
      this.weigh(request);
      this.receive(request);
    } catch (error) {
      this.close(error);
    }
  }

  halfClosed(): void {
    this.isHalfClosed = true;
    if (this.view !== undefined) this.close();
  }

  gone(): void {
    this.release();
  }

  changed(names: readonly string[]): void {
    if (this.isOver) return;
    const before = this.subscription;
    // All streams of a workload are told within one turn: of nearly all there is no more to know.
    const mayLift = before.outstanding !== undefined || before.rejected.size > 0;
    if (mayLift) this.subscription = onChanged(before, names, this);
    if (this.isQueued || (this.subscription === before && !wantsAny(before, names))) return;
    this.isQueued = true;
    this.context.broadcast.add(this);
  }

  /** Of the view: with OK when there is no `reason`, so that Envoy comes back at once. */
  end(reason?: Error): void {
    this.close(reason);
  }

  /** Sends what is due, when the broadcast comes to this stream. */
  push(): void {
    this.isQueued = false;
    this.isBehind = this.subscription.outstanding !== undefined;
    this.send('change');
  }

  find(name: string): FoundSecret | undefined {
    return this.context.contents.of(name, this.view?.secret(name));
  }

  isImpossible(name: string): boolean {
    return this.context.tellsRemovals && this.view?.isImpossible?.(name) === true;
  }

  eachName(visit: NameVisitor): void {
    const { names, applied } = this.subscription;
    for (const name of names) {
      const content = this.find(name)?.content;
      visit(name, stateOf(this.subscription, name, content), content, applied.get(name));
    }
  }

  get peer(): SubscribedStream['peer'] {
    return this.call.peer;
  }

  get ackedAtMs(): number | undefined {
    return Number.isNaN(this.ackedMs) ? undefined : this.ackedMs;
  }

  isNeverServed(name: string): boolean {
    return this.view?.isImpossible?.(name) === true;
  }

  /** Looks after a response without an answer, and after repeated requests that had to wait. */
  checkTime(nowMs: number): void {
    if (this.subscription.isRepeatOwed && this.subscription.outstanding === undefined) {
      this.allowRepeat(nowMs);
      this.send('request');
    }
    const { next, verdict } = onTime(this.subscription, nowMs);
    this.subscription = next;
    if (verdict === 'fine') return;
    const { log, metrics } = this.context;
    if (!log.unanswered(this, verdict)) metrics.lineWithheld();
    metrics.unanswered(verdict);
    if (verdict === 'late') this.send('change');
    // OK, so that an Envoy that lost our message comes back at once.
    else this.close();
  }

  /** Ends the call: with OK, or with the status of `error`. */
  close(error?: unknown): void {
    if (this.isOver) return;
    if (error === undefined) {
      this.call.end();
    } else {
      this.context.log.failed(this, error);
      this.call.end(toStatusObject(error));
    }
    this.release();
  }

  private serve(view: SecretView): void {
    this.opening = undefined;
    if (this.isOver) {
      view.close();
      return;
    }
    this.view = view;
    // They count until now: the check of the caller held them.
    this.call.forgetMetadata();
    if (view.isProven === true) this.call.proven();
    view.subscribe(this);
    const early = this.early;
    this.early = undefined;
    this.waitingOctets = 0;
    this.noteHeld();
    try {
      for (const request of early ?? []) this.receive(request);
    } catch (error) {
      this.close(error);
    }
    if (this.isHalfClosed) this.close();
  }

  /** Nearly every request comes whole: only the first one of an Envoy, with its node, does not. */
  private read(bytes: Buffer, isLast: boolean): DecodedRequest | undefined {
    const { fields } = this.method;
    if (this.reader === undefined && isLast) return decodeRequest(bytes, fields);
    this.reader ??= new RequestReader(fields);
    const request = this.reader.read(bytes, isLast);
    if (isLast) this.reader = undefined;
    return this.noteHeld() ? request : undefined;
  }

  private receive(request: DecodedRequest): void {
    if (this.isOver) return;
    if (this.nodeId === '') this.nodeId = request.nodeId;
    if (this.isForeign(request)) {
      this.context.metrics.request('foreign');
      this.context.log.foreign(this, request.foreignType);
    } else if (this.view === undefined) {
      this.wait(request);
    } else {
      this.obey(request);
    }
  }

  /** Each request has its names looked up, those that it names and those that are wanted already. */
  private weigh({ names, unsubscribed }: DecodedRequest): void {
    const asked = names.length + unsubscribed.length;
    const lookedUp = asked + this.subscription.names.length;
    if (lookedUp < NAMES_PER_WORK) return;
    this.call.charge(Math.floor(asked / NAMES_PER_COST), Math.floor(lookedUp / NAMES_PER_WORK));
  }

  /**
   * @throws IdentityError `ERR_REQUEST_INVALID`: a plain stream is for secrets, an aggregated one has to name its
   * types.
   */
  private isForeign({ foreignType, hasType }: DecodedRequest): boolean {
    const { isAggregated } = this.method;
    // Left out on a plain stream means ours: the method implies the type. (xDS protocol, "Resource types")
    if (isAggregated ? !hasType : foreignType !== '') throw wrongType(foreignType);
    return foreignType !== '';
  }

  private wait(request: DecodedRequest): void {
    this.early ??= [];
    if (this.early.length === MAX_EARLY_REQUESTS) {
      const message = `requests before the first answer: got ${MAX_EARLY_REQUESTS + 1}, expected at most ${MAX_EARLY_REQUESTS}`;
      throw new IdentityError('ERR_REQUEST_INVALID', message);
    }
    this.early.push(request);
    this.waitingOctets += octetsOfRequest(request);
    this.noteHeld();
  }

  private obey(request: DecodedRequest): void {
    const { next, verdict } = onRequest(this.subscription, request, this.method.isAggregated);
    if (next.names.length > MAX_NAMES) throw tooManyNames();
    const before = this.subscription.names;
    this.subscription = next;
    if (next.names !== before) {
      this.nameOctets = octetsOfNames(next.names);
      if (!this.noteHeld()) return;
      this.tellOfUnserved(before);
    }
    this.record(request, verdict);
    if (next.isRepeatOwed) this.allowRepeat(this.context.now());
    this.send(this.isBehind ? 'change' : 'request');
  }

  /** Envoy waits for a name that nothing is served under, and says nothing of it. */
  private tellOfUnserved(before: readonly string[]): void {
    const { view } = this;
    if (view?.isImpossible === undefined) return;
    const known = new Set(before);
    const unserved = this.subscription.names.filter((name) => !known.has(name) && view.isImpossible?.(name));
    if (unserved.length === 0) return;
    const { log, metrics } = this.context;
    if (!log.unserved(this, unserved, view.servedNames?.() ?? [])) metrics.lineWithheld();
  }

  /** Tells the ledger what this stream keeps for its peer. False when that was too much, and the stream has ended. */
  private noteHeld(): boolean {
    return this.call.holds(this.nameOctets + this.waitingOctets + (this.reader?.keptBytes ?? 0));
  }

  /**
   * Lets what a repeated request asks for be sent, unless that was just done: then {@link checkTime} comes back to it.
   */
  private allowRepeat(nowMs: number): void {
    this.repeatLimit ??= new RepeatLimit();
    if (this.repeatLimit.take(nowMs)) this.subscription = onRepeat(this.subscription);
  }

  private record(request: DecodedRequest, verdict: RequestMeaning): void {
    const { log, metrics, rejections, onRejected, now } = this.context;
    const nowMs = now();
    metrics.request(verdict.kind);
    log.request(this, request, verdict, nowMs);
    if (verdict.kind === 'ack') {
      metrics.acked(verdict.answered, nowMs);
      this.ackedMs = nowMs;
      this.lastRejection = undefined;
      this.call.proven();
    }
    if (verdict.kind !== 'nack') return;
    metrics.rejected(verdict.answered, verdict.blames);
    const rejection = rejections.add(verdict, nowMs);
    this.lastRejection = rejection;
    onRejected({ ...rejection, nodeId: this.nodeId });
    if (!log.rejected(this, verdict)) metrics.lineWithheld();
  }

  /** Sends what is due, if the protocol allows it now. */
  private send(cause: Outstanding['cause']): void {
    if (this.isOver) return;
    try {
      const sending = toSend(this.subscription, this);
      if (sending === undefined) return;
      const { encoders, metrics, now } = this.context;
      const nowMs = now();
      const nonce = this.nextNonce();
      const { head, contents, release } = encoders[this.method.form].encode(sending);
      this.call.send(head, encodeTail(nonce), release);
      const { outstanding } = this.subscription;
      if (outstanding !== undefined) metrics.settled(outstanding);
      metrics.sent(contents, cause, nowMs);
      this.isBehind = false;
      this.subscription = onSent(this.subscription, { nonce, contents, cause, nowMs });
    } catch (error) {
      this.close(error);
    }
  }

  private nextNonce(): string {
    this.sentCount += 1;
    this.noncePrefix ??= this.context.noncePrefix + this.stream.toString(16).padStart(NONCE_STREAM_HEX_DIGITS, '0');
    return this.noncePrefix + this.sentCount.toString(16).padStart(NONCE_CHARS - this.noncePrefix.length, '0');
  }

  private release(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.opening?.cancel();
    this.opening = undefined;
    this.view?.close();
    this.view = undefined;
    this.early = undefined;
    this.reader = undefined;
    const { outstanding } = this.subscription;
    if (outstanding !== undefined) this.context.metrics.settled(outstanding);
    this.subscription = NEW_SUBSCRIPTION[this.method.form];
    this.context.onGone(this);
  }
}
