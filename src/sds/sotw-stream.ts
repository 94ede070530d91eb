import { errorCodeOf } from '../errors/index.js';
import { type RawBidiCall, toStatusObject } from '../rpc/index.js';
import { Field, type Logger } from '../telemetry/index.js';
import type { Broadcast, PushTarget } from './broadcast.js';
import { type DecodedRequest, decodeRequest, type ResponseEncoder } from './discovery-codec.js';
import type { SecretSource, SecretView, StreamCaller } from './secret-source.js';
import { NEW_SUBSCRIPTION, onChanged, onRequest, onSent, onTime, toSend, type Verdict } from './subscription.js';

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
  #view: SecretView | undefined;
  #subscription = NEW_SUBSCRIPTION;
  #nodeId = '';
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
    // grpc-js says so after every end of a call, a clean one too.
    call.on('cancelled', () => this.#release());
    // Until the caller is known nothing is read: what it sends meanwhile stays within the flow-control window.
    context.source.open(origin.caller, this.#abort.signal).then(
      (view) => this.#serve(view),
      (error: unknown) => this.end(error),
    );
  }

  /** Sends what is due, if the protocol allows it now. */
  push(): void {
    this.#isQueued = false;
    const view = this.#view;
    if (view === undefined || this.#isOver) return;
    try {
      const secrets = toSend(this.#subscription, (name) => view.secret(name));
      if (secrets.length === 0) return;
      this.#sentCount += 1;
      const nonce = `${this.#origin.noncePrefix}-${this.#sentCount}`;
      this.#call.write(this.#context.encoder.encode(secrets, nonce));
      this.#subscription = onSent(this.#subscription, { nonce, secrets, nowMs: this.#context.now() });
    } catch (error) {
      this.end(error);
    }
  }

  /** Looks after a response that nobody answers. */
  checkTime(nowMs: number): void {
    const { next, verdict } = onTime(this.#subscription, nowMs);
    this.#subscription = next;
    if (verdict === 'fine') return;
    this.#log(
      'warn',
      verdict === 'late' ? 'sds response is not answered' : 'sds stream given up: response never answered',
    );
    if (verdict === 'late') this.push();
    // OK, so that an Envoy that lost our message comes back at once.
    else this.end();
  }

  /** Ends the call: with OK, or with the status of `error`. */
  end(error?: unknown): void {
    if (this.#isOver) return;
    if (error === undefined) {
      this.#call.end();
    } else {
      this.#log('debug', 'sds stream ended', { [Field.code]: errorCodeOf(error), [Field.error]: String(error) });
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
      if (this.#nodeId === '') this.#nodeId = request.nodeId;
      const { next, verdict } = onRequest(this.#subscription, request);
      this.#subscription = next;
      this.#logRequest(request, verdict);
    } catch (error) {
      this.end(error);
      return;
    }
    this.push();
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

  #logRequest(request: DecodedRequest, verdict: Verdict): void {
    const fields = { [Field.resourceName]: request.names.join(' '), [Field.version]: request.version };
    switch (verdict.kind) {
      case 'nack': {
        const { versions } = verdict.answered;
        const rejected = {
          [Field.resourceName]: [...versions.keys()].join(' '),
          [Field.version]: [...versions.values()].join(' '),
        };
        this.#log('warn', 'sds secret rejected by its proxy', { ...rejected, [Field.reason]: verdict.reason });
        return;
      }
      case 'ack': {
        const durationMs = this.#context.now() - verdict.answered.sentAtMs;
        this.#log('debug', 'sds response accepted', { ...fields, [Field.durationMs]: durationMs });
        return;
      }
      case 'initial':
      case 'stale':
      case 'idle':
        this.#log('debug', 'sds request', { ...fields, [Field.detail]: verdict.kind });
        return;
      default:
        verdict satisfies never;
    }
  }

  #log(level: 'debug' | 'warn', message: string, fields: Parameters<Logger['warn']>[1] = {}): void {
    const { caller, stream } = this.#origin;
    const who = { [Field.connection]: caller.connection, [Field.stream]: stream, [Field.nodeId]: this.#nodeId };
    this.#context.logger[level](message, { ...who, ...fields });
  }
}
