import { IdentityError } from '../errors/index.js';
import { type CallEvents, type FramedCall, toStatusObject } from '../rpc/index.js';
import type { Counter, Logger } from '../telemetry/index.js';
import type { Broadcast, PushTarget } from './broadcast.js';
import type { DecodedRequest } from './request-codec.js';
import { RequestReader } from './request-reader.js';
import { encodeTail, NONCE_CHARS, type ResponseEncoder } from './response-encoder.js';
import type { SecretSource, SecretView, ServedSecret, StreamCaller } from './secret-source.js';
import { StreamLog } from './stream-log.js';
import { NEW_SUBSCRIPTION, onChanged, onRequest, onSent, onTime, toSend } from './subscription.js';

/** What all streams of a server share. */
export interface StreamContext {
  readonly source: SecretSource;
  readonly encoder: ResponseEncoder;
  readonly broadcast: Broadcast;
  readonly responses: Counter;
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Who a stream belongs to, and where it starts its nonces. */
export interface StreamOrigin {
  readonly caller: StreamCaller;
  /** A number for logs: which stream of this process. */
  readonly stream: number;
  /** What the nonces of this stream begin with; of no other stream, and not to be guessed. */
  readonly noncePrefix: string;
}

/** What a stream may ask before its caller is known; Envoy asks once. */
const MAX_EARLY_REQUESTS = 16;

/**
 * One `StreamSecrets` call: carries requests to the {@link NEW_SUBSCRIPTION | subscription}, which decides, and its
 * responses back. It ends with OK when the peer has half-closed or the view asks for it, else with an error's status.
 */
export class SotwStream implements PushTarget, CallEvents {
  readonly #call: FramedCall;
  readonly #context: StreamContext;
  readonly #origin: StreamOrigin;
  readonly #onGone: (stream: SotwStream) => void;
  /** Until the caller is known: ends the wait for that. */
  #opening: AbortController | undefined;
  readonly #log: StreamLog;
  readonly #reader = new RequestReader();
  /** One closure a stream, not one a push. */
  readonly #secretOf = (name: string): ServedSecret | undefined => this.#view?.secret(name);
  /** What was asked before the caller was known. */
  #early: DecodedRequest[] = [];
  #isHalfClosed = false;
  #view: SecretView | undefined;
  #subscription = NEW_SUBSCRIPTION;
  #sentCount = 0;
  #isQueued = false;
  #isOver = false;

  /** Serves `call` at once; `onGone` is called when that has ended, whoever ended it. */
  constructor(
    call: FramedCall,
    { context, origin, onGone }: { context: StreamContext; origin: StreamOrigin; onGone: (stream: SotwStream) => void },
  ) {
    this.#call = call;
    this.#context = context;
    this.#origin = origin;
    this.#onGone = onGone;
    this.#log = new StreamLog(context.logger, { connection: origin.caller.connection, stream: origin.stream });
    call.listen(this);
    const opening = new AbortController();
    this.#opening = opening;
    context.source.open(origin.caller, opening.signal).then(
      (view) => this.#serve(view),
      (error: unknown) => this.end(error),
    );
  }

  part(bytes: Buffer, isLast: boolean): void {
    if (this.#isOver) return;
    try {
      const request = this.#reader.read(bytes, isLast);
      if (request !== undefined) this.#receive(request);
    } catch (error) {
      this.end(error);
    }
  }

  halfClosed(): void {
    this.#isHalfClosed = true;
    if (this.#view !== undefined) this.end();
  }

  gone(): void {
    this.#release();
  }

  /** Sends what is due, when the broadcast comes to this stream. */
  push(): void {
    this.#isQueued = false;
    this.#send();
  }

  /** Looks after a response that nobody answers. */
  checkTime(nowMs: number): void {
    const { next, verdict } = onTime(this.#subscription, nowMs);
    this.#subscription = next;
    if (verdict === 'fine') return;
    this.#log.unanswered(verdict);
    if (verdict === 'late') this.#send();
    // OK, so that an Envoy that lost our message comes back at once.
    else this.end();
  }

  /** Ends the call: with OK, or with the status of `error`. */
  end(error?: unknown): void {
    if (this.#isOver) return;
    if (error === undefined) {
      this.#call.end();
    } else {
      this.#log.failed(error);
      this.#call.end(toStatusObject(error));
    }
    this.#release();
  }

  #serve(view: SecretView): void {
    this.#opening = undefined;
    if (this.#isOver) {
      view.close();
      return;
    }
    this.#view = view;
    view.subscribe({
      changed: (names) => this.#changed(names),
      end: (reason) => this.end(reason),
    });
    const early = this.#early;
    this.#early = [];
    for (const request of early) this.#receive(request);
    if (this.#isHalfClosed) this.end();
  }

  #receive(request: DecodedRequest): void {
    if (this.#isOver) return;
    if (this.#view === undefined) {
      if (this.#early.length === MAX_EARLY_REQUESTS) {
        const message = `requests before the first answer: got ${MAX_EARLY_REQUESTS + 1}, expected at most ${MAX_EARLY_REQUESTS}`;
        throw new IdentityError('ERR_REQUEST_INVALID', message);
      }
      this.#early.push(request);
      return;
    }
    const { next, verdict } = onRequest(this.#subscription, request);
    this.#subscription = next;
    this.#log.request(request, verdict, this.#context.now());
    this.#send();
  }

  /** Sends what is due, if the protocol allows it now. */
  #send(): void {
    if (this.#isOver) return;
    try {
      const secrets = toSend(this.#subscription, this.#secretOf);
      if (secrets.length === 0) return;
      const nonce = this.#nextNonce();
      const response = this.#context.encoder.encode(secrets);
      this.#call.send(response.head, encodeTail(nonce), response.release);
      this.#context.responses.add();
      this.#subscription = onSent(this.#subscription, { nonce, secrets, nowMs: this.#context.now() });
    } catch (error) {
      this.end(error);
    }
  }

  #nextNonce(): string {
    this.#sentCount += 1;
    const { noncePrefix } = this.#origin;
    return noncePrefix + this.#sentCount.toString(16).padStart(NONCE_CHARS - noncePrefix.length, '0');
  }

  #changed(names: readonly string[]): void {
    this.#subscription = onChanged(this.#subscription, names);
    if (this.#isQueued || this.#isOver) return;
    this.#isQueued = true;
    this.#context.broadcast.add(this);
  }

  #release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#opening?.abort();
    this.#opening = undefined;
    this.#view?.close();
    this.#view = undefined;
    this.#early = [];
    this.#subscription = NEW_SUBSCRIPTION;
    this.#onGone(this);
  }
}
