import { type RawBidiCall, toStatusObject } from '../rpc/index.js';
import type { Logger } from '../telemetry/index.js';
import type { Broadcast, PushTarget } from './broadcast.js';
import { decodeRequest, type ResponseEncoder } from './discovery-codec.js';
import type { SecretSource, SecretView, ServedSecret, StreamCaller } from './secret-source.js';
import { StreamLog } from './stream-log.js';
import { NEW_SUBSCRIPTION, onChanged, onRequest, onSent, onTime, toSend } from './subscription.js';

/** What all streams of a server share. */
export interface StreamContext {
  readonly source: SecretSource;
  readonly encoder: ResponseEncoder;
  readonly broadcast: Broadcast;
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

/**
 * One `StreamSecrets` call: carries requests to the {@link NEW_SUBSCRIPTION | subscription}, which decides, and its
 * responses back. It ends with OK when the peer has half-closed or the view asks for it, else with an error's status.
 */
export class SotwStream implements PushTarget {
  readonly #call: RawBidiCall;
  readonly #context: StreamContext;
  readonly #origin: StreamOrigin;
  readonly #onGone: (stream: SotwStream) => void;
  readonly #abort = new AbortController();
  readonly #log: StreamLog;
  /** One closure a stream, not one a push. */
  readonly #secretOf = (name: string): ServedSecret | undefined => this.#view?.secret(name);
  #view: SecretView | undefined;
  #subscription = NEW_SUBSCRIPTION;
  #sentCount = 0;
  #isQueued = false;
  #isOver = false;

  /** Serves `call` at once; `onGone` is called when that has ended, whoever ended it. */
  constructor(
    call: RawBidiCall,
    { context, origin, onGone }: { context: StreamContext; origin: StreamOrigin; onGone: (stream: SotwStream) => void },
  ) {
    this.#call = call;
    this.#context = context;
    this.#origin = origin;
    this.#onGone = onGone;
    this.#log = new StreamLog(context.logger, { connection: origin.caller.connection, stream: origin.stream });
    // grpc-js says so after every end of a call, a clean one too.
    call.on('cancelled', () => this.#release());
    // Until the caller is known nothing is read: what it sends meanwhile stays within the flow-control window.
    context.source.open(origin.caller, this.#abort.signal).then(
      (view) => this.#serve(view),
      (error: unknown) => this.end(error),
    );
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
      this.#call.emit('error', toStatusObject(error));
    }
    this.#release();
  }

  #serve(view: SecretView): void {
    if (this.#isOver) {
      view.close();
      return;
    }
    this.#view = view;
    view.subscribe({
      changed: (names) => this.#changed(names),
      end: (reason) => this.end(reason),
    });
    this.#call.on('data', (bytes: Buffer) => this.#receive(bytes));
    this.#call.on('end', () => this.end());
  }

  #receive(bytes: Buffer): void {
    if (this.#isOver) return;
    try {
      const request = decodeRequest(bytes);
      const { next, verdict } = onRequest(this.#subscription, request);
      this.#subscription = next;
      this.#log.request(request, verdict, this.#context.now());
    } catch (error) {
      this.end(error);
      return;
    }
    this.#send();
  }

  /** Sends what is due, if the protocol allows it now. */
  #send(): void {
    if (this.#isOver) return;
    try {
      const secrets = toSend(this.#subscription, this.#secretOf);
      if (secrets.length === 0) return;
      this.#sentCount += 1;
      const nonce = `${this.#origin.noncePrefix}-${this.#sentCount}`;
      this.#call.write(this.#context.encoder.encode(secrets, nonce));
      this.#subscription = onSent(this.#subscription, { nonce, secrets, nowMs: this.#context.now() });
    } catch (error) {
      this.end(error);
    }
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
    this.#abort.abort();
    this.#view?.close();
    this.#view = undefined;
    this.#subscription = NEW_SUBSCRIPTION;
    // What still comes in is thrown away: unread, it would use up the window of the other streams of the connection.
    this.#call.resume();
    this.#onGone(this);
  }
}
