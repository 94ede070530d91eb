import {
  type Counter,
  type CounterDefinition,
  Field,
  type LogFields,
  type Logger,
  type MetricRegistry,
  RateLimitedLogger,
} from '../../../telemetry/index.js';
import { errorName, type WirePeer } from '../../http2/index.js';
import type { Refusal } from './connection-limits.js';
import type { Idleness } from './connection-watch.js';

const REFUSALS: readonly Refusal[] = [
  ...(['uid_not_allowed', 'too_many', 'too_many_of_uid', 'too_many_of_address', 'misbehaved'] as const),
];
const IDLENESSES: readonly Idleness[] = ['silent', 'unfinished', 'unread'];
const BREACHES = ['flood', 'protocol'] as const;

/** Why a connection was ended whose peer did nothing wrong: another needed its place, or it had no call. */
const USELESS = ['displaced', 'unused'] as const;

type EndReason = Idleness | (typeof BREACHES)[number] | (typeof USELESS)[number];
type Reason = Refusal | EndReason;

/** What connections are counted by. */
export interface ConnectionMetrics {
  readonly refused: CounterDefinition;
  readonly ended: CounterDefinition;
}

/** Whose connection it was. */
interface Whose {
  readonly connection?: number;
  readonly peer: WirePeer | undefined;
}

export interface ConnectionRecordOptions {
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly counters: ConnectionMetrics;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

/** Counts, and says now and then, which connections were not wanted: a hostile peer must not fill the log either. */
export class ConnectionRecord {
  private readonly log: RateLimitedLogger;
  private readonly counters = new Map<Reason, Counter>();

  constructor({ logger, metrics, counters, now }: ConnectionRecordOptions) {
    this.log = new RateLimitedLogger(logger, now);
    // Made at once, so that a rate can be told from the first one on.
    for (const reason of REFUSALS) this.counters.set(reason, metrics.counter(counters.refused, { reason }));
    for (const reason of [...IDLENESSES, ...BREACHES, ...USELESS]) {
      this.counters.set(reason, metrics.counter(counters.ended, { reason }));
    }
  }

  /** A connection was not let in. */
  refused(reason: Refusal, peer: WirePeer | undefined): void {
    this.note(reason, 'connection refused', { peer }, { [Field.reason]: reason });
  }

  /** A connection was given up: its peer does nothing. */
  idle(reason: Idleness, whose: Whose): void {
    this.note(reason, 'connection given up', whose, { [Field.reason]: reason });
  }

  /** A connection was evicted: there are too many, or it makes us keep too many octets. */
  displaced(limit: Refusal | 'octets', whose: Whose): void {
    this.note('displaced', 'connection evicted for others', whose, { [Field.reason]: limit });
  }

  /** A connection without a call has been told to go: as it should be, and so no line of the log. */
  unused(): void {
    this.counters.get('unused')?.add();
  }

  /** A connection had to be ended for what its peer did. `code` is one of HTTP/2. */
  broken(code: number, { reason, ...whose }: Whose & { readonly reason: string }): void {
    const fields = { [Field.code]: errorName(code), [Field.reason]: reason };
    this.note(
      errorName(code) === 'ENHANCE_YOUR_CALM' ? 'flood' : 'protocol',
      'connection broken by its peer',
      whose,
      fields,
    );
  }

  /** A connection had to be ended for a fault of ours. */
  bug(error: unknown): void {
    this.log.error('connection ended by a bug', { [Field.error]: String(error) });
  }

  private note(reason: Reason, message: string, { connection, peer }: Whose, fields: LogFields): void {
    this.counters.get(reason)?.add();
    const all = (): LogFields => ({
      ...fields,
      [Field.connection]: connection,
      [Field.uid]: peer?.uid,
      [Field.pid]: peer?.pid,
    });
    this.log.warn(message, all, reason);
  }
}
