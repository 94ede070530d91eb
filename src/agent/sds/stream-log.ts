import { errorCodeOf } from '../../errors/index.js';
import { Field, LineBudget, type LogFields, type Logger } from '../../telemetry/index.js';
import type { DecodedRequest } from './request-codec.js';
import type { RequestMeaning } from './subscription.js';

/** What every line tells of whose stream it is. */
export interface StreamIdentity {
  readonly connection: number;
  /** Which stream of this process. */
  readonly stream: number;
  /** What the peer called itself first; Envoy need not say it twice. */
  readonly nodeId: string;
}

/**
 * Warnings a minute of all streams together. A fleet that refuses a bad secret says the same thousands of times, and
 * a client may open streams without end, each with a budget of its own.
 */
const LINES_OF_ALL = 100;

/**
 * The words of all streams of a server: `warn` when a proxy refuses a secret or stays silent, `debug` for the protocol.
 */
export class StreamLog {
  private readonly logger: Logger;
  private readonly budget = new LineBudget(LINES_OF_ALL);

  constructor(logger: Logger) {
    this.logger = logger;
  }

  /**
   * False when there was no line, because the streams have used their budget up. `withheld`: of this stream, before.
   */
  rejected(
    who: StreamIdentity,
    { answered, reason, blames }: RequestMeaning & { kind: 'nack' },
    { nowMs, withheld }: { nowMs: number; withheld: number },
  ): boolean {
    const { contents } = answered;
    const withheldOfAll = this.budget.take(nowMs);
    if (withheldOfAll === undefined) return false;
    this.logger.warn('sds secret rejected by its proxy', {
      ...fieldsOf(who),
      [Field.resourceName]: [...contents.keys()].join(' '),
      [Field.version]: [...contents.values()].map(({ version }) => version).join(' '),
      [Field.reason]: reason,
      [Field.blames]: blames,
      ...withheldLines(withheld + withheldOfAll),
    });
    return true;
  }

  request(who: StreamIdentity, request: DecodedRequest, verdict: RequestMeaning, nowMs: number): void {
    if (!this.logger.writesDebug) return;
    const { names, version } = request;
    this.logger.debug('sds request', {
      ...fieldsOf(who),
      [Field.resourceName]: names.length === 1 ? names[0] : names.join(' '),
      [Field.version]: version,
      [Field.detail]: verdict.kind,
      [Field.durationMs]: verdict.kind === 'ack' ? nowMs - verdict.answered.sentAtMs : undefined,
    });
  }

  /** A request on an aggregated stream for a type that we do not serve. */
  foreign(who: StreamIdentity, typeUrl: string): void {
    if (this.logger.writesDebug) {
      this.logger.debug('sds request for another type left alone', { ...fieldsOf(who), [Field.detail]: typeUrl });
    }
  }

  /** False when there was no line. */
  unanswered(who: StreamIdentity, verdict: 'late' | 'dead', nowMs: number): boolean {
    const withheld = this.budget.take(nowMs);
    if (withheld === undefined) return false;
    const message =
      verdict === 'late' ? 'sds response is not answered' : 'sds stream given up: response never answered';
    this.logger.warn(message, { ...fieldsOf(who), ...withheldLines(withheld) });
    return true;
  }

  failed(who: StreamIdentity, error: unknown): void {
    this.logger.debug('sds stream ended', {
      ...fieldsOf(who),
      [Field.code]: errorCodeOf(error),
      [Field.error]: String(error),
    });
  }
}

function withheldLines(count: number): LogFields {
  return count === 0 ? {} : { [Field.withheld]: count };
}

function fieldsOf({ connection, stream, nodeId }: StreamIdentity): LogFields {
  return { [Field.connection]: connection, [Field.stream]: stream, [Field.nodeId]: nodeId };
}
