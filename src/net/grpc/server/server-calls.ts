import { CallDeadlines } from '../call-deadlines.js';
import type { ConnectionAccount } from '../ledger/accounts.js';
import type { PeerLedger } from '../ledger/peer-ledger.js';
import type { CallLimits, Http2Call } from './grpc-call.js';
import type { CallRefusal, ServerCounters } from './server-counters.js';

export interface ServerCallsOptions {
  readonly ledger: PeerLedger;
  readonly counters: ServerCounters | undefined;
  readonly maxReceiveBytes: number;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

/** The calls of a server: each is in the ledger, and those with a deadline of their caller's are here. */
export class ServerCalls implements CallLimits {
  readonly maxReceiveBytes: number;
  readonly now: () => number;
  private readonly ledger: PeerLedger;
  private readonly counters: ServerCounters | undefined;
  private readonly withDeadline = new Set<Http2Call>();
  private readonly deadlines = new CallDeadlines(this.withDeadline);

  constructor({ ledger, counters, maxReceiveBytes, now }: ServerCallsOptions) {
    this.ledger = ledger;
    this.counters = counters;
    this.maxReceiveBytes = maxReceiveBytes;
    this.now = now;
  }

  tick(): number {
    return this.ledger.tick();
  }

  began(call: Http2Call): boolean {
    return this.ledger.began(call);
  }

  ended(call: Http2Call): void {
    this.ledger.ended(call);
    if (call.endsAtMs < Number.POSITIVE_INFINITY) this.withDeadline.delete(call);
  }

  refused(reason: CallRefusal): void {
    this.counters?.callRefused(reason);
  }

  change(account: ConnectionAccount, bytes: number): boolean {
    return this.ledger.change(account, bytes);
  }

  prove(account: ConnectionAccount): void {
    this.ledger.prove(account);
  }

  mayTry(account: ConnectionAccount): boolean {
    return this.ledger.mayTry(account);
  }

  giveBackTry(account: ConnectionAccount): void {
    this.ledger.giveBackTry(account);
  }

  limited(call: Http2Call): void {
    this.withDeadline.add(call);
    this.deadlines.mind(call);
  }
}
