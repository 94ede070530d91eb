import { errorCodeOf } from '../../errors/index.js';
import { Field, type LogFields, type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import { quote } from './quote.js';
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

/** And about the refusals of one stream: the first ones tell what there is to know. */
const LINES_OF_ONE = 5;

/** Lines a minute about names that are not served, of all and of one connection: Envoy has a stream for each name. */
const NAME_LINES = 32;
const NAME_LINES_OF_ONE = 4;

/**
 * The words of all streams of a server: `warn` when a proxy refuses a secret or stays silent, `debug` for the protocol.
 */
export class StreamLog {
  private readonly logger: Logger;
  private readonly rateLimited: RateLimitedLogger;
  /** Apart: a client that asks for names without end must not silence what is said of others' refusals. */
  private readonly names: RateLimitedLogger;

  /** `now` gives milliseconds. */
  constructor(logger: Logger, now: () => number) {
    this.logger = logger;
    const limits = { linesPerMinute: LINES_OF_ALL, linesPerCause: LINES_OF_ONE };
    this.rateLimited = new RateLimitedLogger(logger, now, limits);
    this.names = new RateLimitedLogger(logger, now, { linesPerMinute: NAME_LINES, linesPerCause: NAME_LINES_OF_ONE });
  }

  /** False when the line was withheld. */
  rejected(who: StreamIdentity, { answered, reason, blames }: RequestMeaning & { kind: 'nack' }): boolean {
    const { contents } = answered;
    const fields = (): LogFields => ({
      ...fieldsOf(who),
      [Field.resourceName]: [...contents.keys()].join(' '),
      [Field.version]: [...contents.values()].map(({ version }) => version).join(' '),
      [Field.reason]: reason,
      [Field.blames]: blames,
    });
    return this.rateLimited.warn('sds secret rejected by its proxy', fields, `rejected ${who.stream}`);
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

  /** Names that can never have a secret, beside those that may. False when the line was withheld. */
  unserved(who: StreamIdentity, names: readonly string[], served: readonly string[]): boolean {
    const fields = (): LogFields => ({
      ...fieldsOf(who),
      [Field.resourceName]: quote(names.join(' ')),
      [Field.served]: quote(served.join(' ')),
    });
    return this.names.warn('sds secret asked for that is not served', fields, `${who.connection}`);
  }

  /** False when the line was withheld. */
  unanswered(who: StreamIdentity, verdict: 'late' | 'dead'): boolean {
    const message =
      verdict === 'late' ? 'sds response is not answered' : 'sds stream given up: response never answered';
    return this.rateLimited.warn(message, () => fieldsOf(who), `${verdict} ${who.stream}`);
  }

  failed(who: StreamIdentity, error: unknown): void {
    this.logger.debug('sds stream ended', {
      ...fieldsOf(who),
      [Field.code]: errorCodeOf(error),
      [Field.error]: String(error),
    });
  }
}

function fieldsOf({ connection, stream, nodeId }: StreamIdentity): LogFields {
  return { [Field.connection]: connection, [Field.stream]: stream, [Field.nodeId]: nodeId };
}
