import { Field, type LogFields, type Logger, RateLimitedLogger } from '../../../telemetry/index.js';
import { errorName, type WirePeer } from '../../http2/index.js';
import type { Refusal } from './connection-limits.js';
import type { Idleness } from './connection-watch.js';
import type { EndReason, ServerCounters } from './server-counters.js';

/** Whose connection it was. */
interface Whose {
  readonly connection?: number;
  readonly peer: WirePeer | undefined;
}

export interface ConnectionRecordOptions {
  readonly logger: Logger;
  readonly counters: ServerCounters | undefined;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

/** Counts, and says now and then, which connections were not wanted: a hostile peer must not fill the log either. */
export class ConnectionRecord {
  private readonly log: RateLimitedLogger;
  private readonly counters: ServerCounters | undefined;

  constructor({ logger, counters, now }: ConnectionRecordOptions) {
    this.log = new RateLimitedLogger(logger, now);
    this.counters = counters;
  }

  /** A connection was not let in. */
  refused(reason: Refusal, peer: WirePeer | undefined): void {
    this.counters?.connectionRefused(reason);
    this.tell(reason, 'connection refused', { peer }, { [Field.reason]: reason });
  }

  /** A connection was given up: its peer does nothing. */
  idle(reason: Idleness, whose: Whose): void {
    this.ended(reason, 'connection given up', whose, { [Field.reason]: reason });
  }

  /** A connection was evicted: there are too many, or it makes us keep too many octets. */
  displaced(limit: Refusal | 'octets', whose: Whose): void {
    this.ended('displaced', 'connection evicted for others', whose, { [Field.reason]: limit });
  }

  /** A connection without a call has been told to go: as it should be, and so no line of the log. */
  unused(): void {
    this.counters?.connectionEnded('unused');
  }

  /** A connection had to be ended for what its peer did. `code` is one of HTTP/2. */
  broken(code: number, { reason, ...whose }: Whose & { readonly reason: string }): void {
    const name = errorName(code);
    const breach = name === 'ENHANCE_YOUR_CALM' ? 'flood' : 'protocol';
    this.ended(breach, 'connection broken by its peer', whose, { [Field.code]: name, [Field.reason]: reason });
  }

  /** A connection had to be ended for a fault of ours. */
  bug(error: unknown): void {
    this.log.error('connection ended by a bug', { [Field.error]: String(error) });
  }

  private ended(reason: EndReason, message: string, whose: Whose, fields: LogFields): void {
    this.counters?.connectionEnded(reason);
    this.tell(reason, message, whose, fields);
  }

  private tell(cause: string, message: string, { connection, peer }: Whose, fields: LogFields): void {
    const all = (): LogFields => ({
      ...fields,
      [Field.connection]: connection,
      [Field.uid]: peer?.uid,
      [Field.pid]: peer?.pid,
    });
    this.log.warn(message, all, cause);
  }
}
