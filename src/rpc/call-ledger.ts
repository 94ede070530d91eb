import { CallDeadlines } from './call-deadlines.js';
import type { CallBook, Http2Call } from './framed-call.js';
import { HeldBytes } from './held-bytes.js';

/** A message that has begun is to end within this: the first one of a real Envoy takes milliseconds. */
const MESSAGE_MS = 30_000;

export interface CallLedgerOptions {
  readonly maxReceiveBytes: number;
  /** Open at a time. */
  readonly maxCalls: number;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

/** The calls of a server, as far as they have to be bounded all together. */
export class CallLedger implements CallBook {
  readonly maxReceiveBytes: number;
  readonly held = new HeldBytes();
  private readonly maxCalls: number;
  private readonly now: () => number;
  /** Those with a message that has begun and not ended, and since when: the oldest first. */
  private readonly unfinished = new Map<Http2Call, number>();
  readonly #limited = new Set<Http2Call>();
  private readonly deadlines = new CallDeadlines(this.#limited);
  private openCount = 0;

  constructor({ maxReceiveBytes, maxCalls, now }: CallLedgerOptions) {
    this.maxReceiveBytes = maxReceiveBytes;
    this.maxCalls = maxCalls;
    this.now = now;
  }

  /** There are more calls than may be. */
  get isOverfull(): boolean {
    return this.openCount > this.maxCalls;
  }

  opened(): void {
    this.openCount += 1;
  }

  closed(call: Http2Call): void {
    this.openCount -= 1;
    if (call.endsAtMs < Number.POSITIVE_INFINITY) this.#limited.delete(call);
  }

  limited(call: Http2Call): void {
    this.#limited.add(call);
    this.deadlines.mind(call);
  }

  began(call: Http2Call): void {
    this.unfinished.set(call, this.now());
  }

  ended(call: Http2Call): void {
    this.unfinished.delete(call);
  }

  /** Ends the calls whose peers have begun a message and let its time pass. */
  expireMessages(): void {
    const nowMs = this.now();
    for (const [call, sinceMs] of this.unfinished) {
      if (nowMs - sinceMs < MESSAGE_MS) return;
      call.expireMessage();
    }
  }
}
