import { type DeadlineClock, Deadlines, unreferencedTime } from '../timers/index.js';
import { Field, type LogFields } from './fields.js';
import type { Logger } from './logger.js';

/** From the first line of a subject: then its sum is written, and it may have as many whole lines again. */
const PERIOD_MS = 60_000;

/**
 * Of one subject: the pods of a service account that is rolled out, with a file's worth of room for a loop that
 * retries.
 */
const WHOLE_LINES = 20;

/** Subjects that are told apart at one time, at some 300 octets each. */
const MAX_SUBJECTS = 4096;

/** Something that one subject may do again and again. */
export interface RepeatedEvent {
  /** Of the line of one. */
  readonly message: string;
  /** Of the line that sums up many. */
  readonly summary: string;
  /** The field that says who does it. */
  readonly subject: typeof Field.spiffeId;
}

/** What a subject has done since its first line. */
interface Span {
  readonly event: RepeatedEvent;
  /** `undefined`: of all subjects that are not told apart. */
  readonly subject: string | undefined;
  whole: number;
  /** Those without a line of their own. */
  summed: number;
  firstSerial: LogFields[typeof Field.serial];
  lastSerial: LogFields[typeof Field.serial];
}

/**
 * Lines of what peers rightfully do as often as they like: for each subject 20 a minute, and one that sums up the
 * others by their number, the first and the last serial. Each event is in one of both. Subjects beyond 4 096 are summed
 * up together, without a name.
 */
export class SummedLines {
  private readonly spans = new Map<string, Span>();
  private readonly periods: Deadlines<Span>;

  constructor(
    private readonly logger: Logger,
    clock: DeadlineClock = unreferencedTime,
  ) {
    this.periods = new Deadlines(PERIOD_MS, (over) => this.end(over), clock);
  }

  write(event: RepeatedEvent, fields: LogFields): void {
    const span = this.spanOf(event, String(fields[event.subject]));
    if (span.whole < WHOLE_LINES) {
      span.whole += 1;
      this.logger.info(event.message, fields);
      return;
    }
    if (span.summed === 0) span.firstSerial = fields[Field.serial];
    span.lastSerial = fields[Field.serial];
    span.summed += 1;
    if (this.logger.writesDebug) this.logger.debug(event.message, fields);
  }

  /** Writes what is summed up so far. */
  close(): void {
    const spans = [...this.spans.values()];
    for (const span of spans) this.periods.delete(span);
    this.end(spans);
  }

  private spanOf(event: RepeatedEvent, subject: string): Span {
    const own = keyOf(event, subject);
    const known = this.spans.get(own);
    if (known !== undefined) return known;
    if (this.spans.size < MAX_SUBJECTS - 1) return this.begin(own, event, subject);
    const shared = keyOf(event, undefined);
    return this.spans.get(shared) ?? this.begin(shared, event, undefined);
  }

  private begin(key: string, event: RepeatedEvent, subject: string | undefined): Span {
    const span: Span = { event, subject, whole: 0, summed: 0, firstSerial: undefined, lastSerial: undefined };
    this.spans.set(key, span);
    this.periods.add(span);
    return span;
  }

  private end(spans: readonly Span[]): void {
    for (const { event, subject, summed, firstSerial, lastSerial } of spans) {
      this.spans.delete(keyOf(event, subject));
      if (summed === 0) continue;
      this.logger.info(event.summary, {
        [event.subject]: subject,
        [Field.count]: summed,
        [Field.firstSerial]: firstSerial,
        [Field.lastSerial]: lastSerial,
      });
    }
  }
}

function keyOf({ message }: RepeatedEvent, subject: string | undefined): string {
  return subject === undefined ? message : `${message} ${subject}`;
}
