import { errorCodeOf } from '../errors/index.js';
import { Field, type LogFields, type Logger } from '../telemetry/index.js';
import type { DecodedRequest } from './request-codec.js';
import type { Verdict } from './subscription.js';

/** What every line tells of whose stream it is. */
export interface StreamIdentity {
  readonly connection: number;
  /** Which stream of this process. */
  readonly stream: number;
  /** What the peer called itself first; Envoy need not say it twice. */
  readonly nodeId: string;
}

/** The words of all streams of a server: `warn` when a proxy refuses a secret or stays silent, `debug` for the protocol. */
export class StreamLog {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** `nack`, unless the stream has used its budget up. */
  rejected(who: StreamIdentity, { answered, reason, blames }: Verdict & { kind: 'nack' }, withheld: number): void {
    const { contents } = answered;
    this.#logger.warn('sds secret rejected by its proxy', {
      ...fieldsOf(who),
      [Field.resourceName]: [...contents.keys()].join(' '),
      [Field.version]: [...contents.values()].map(({ version }) => version).join(' '),
      [Field.reason]: reason,
      [Field.blames]: blames,
      [Field.withheld]: withheld === 0 ? undefined : withheld,
    });
  }

  request(who: StreamIdentity, request: DecodedRequest, verdict: Verdict, nowMs: number): void {
    if (!this.#logger.writesDebug) return;
    const { names, version } = request;
    this.#logger.debug('sds request', {
      ...fieldsOf(who),
      [Field.resourceName]: names.length === 1 ? names[0] : names.join(' '),
      [Field.version]: version,
      [Field.detail]: verdict.kind,
      [Field.durationMs]: verdict.kind === 'ack' ? nowMs - verdict.answered.sentAtMs : undefined,
    });
  }

  /** A request on an aggregated stream for a type that we do not serve. */
  foreign(who: StreamIdentity, typeUrl: string): void {
    if (this.#logger.writesDebug) {
      this.#logger.debug('sds request for another type left alone', { ...fieldsOf(who), [Field.detail]: typeUrl });
    }
  }

  unanswered(who: StreamIdentity, verdict: 'late' | 'dead'): void {
    const message =
      verdict === 'late' ? 'sds response is not answered' : 'sds stream given up: response never answered';
    this.#logger.warn(message, fieldsOf(who));
  }

  failed(who: StreamIdentity, error: unknown): void {
    this.#logger.debug('sds stream ended', {
      ...fieldsOf(who),
      [Field.code]: errorCodeOf(error),
      [Field.error]: String(error),
    });
  }
}

function fieldsOf({ connection, stream, nodeId }: StreamIdentity): LogFields {
  return { [Field.connection]: connection, [Field.stream]: stream, [Field.nodeId]: nodeId };
}
