import type { ServerStream, StreamEvents } from '../../http2/index.js';
import type { ConnectionAccount } from '../ledger/accounts.js';
import type { CallQuota, CountedCall } from '../ledger/call-quota.js';
import type { PeerLedger } from '../ledger/peer-ledger.js';

export interface PlainRequestOptions {
  readonly account: ConnectionAccount;
  readonly ledger: PeerLedger;
  /** The header block to answer with. */
  readonly answer: Buffer;
  readonly nowMs: number;
}

/**
 * A request that is not gRPC. It is answered when it has ended, for many a client does not expect an answer before; at
 * the latest when its time is over, and at once when there are many. Nothing of it is kept.
 */
export class PlainRequest implements StreamEvents, CountedCall {
  readonly account: ConnectionAccount;
  readonly pot: CallQuota;
  readonly lastSeen: number;
  readonly waitingSinceMs: number;
  private readonly stream: ServerStream;
  private readonly ledger: PeerLedger;
  private readonly answer: Buffer;

  constructor(stream: ServerStream, { account, ledger, answer, nowMs }: PlainRequestOptions) {
    this.stream = stream;
    this.account = account;
    this.ledger = ledger;
    this.pot = ledger.pots.other;
    this.answer = answer;
    this.lastSeen = ledger.tick();
    this.waitingSinceMs = nowMs;
    stream.events = this;
  }

  /** Takes its place, or is answered at once. */
  begin(): void {
    if (!this.ledger.began(this)) this.ended();
  }

  data(): void {}

  ended(): void {
    this.stream.respond(this.answer);
  }

  closed(): void {
    this.ledger.ended(this);
  }

  expireWait(): void {
    this.ended();
  }

  evict(): void {
    this.ended();
  }
}
