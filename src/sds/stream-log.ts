import { errorCodeOf } from '../errors/index.js';
import { Field, type Logger } from '../telemetry/index.js';
import type { DecodedRequest } from './request-codec.js';
import type { Verdict } from './subscription.js';

/** What every line of a stream tells of whose it is. */
interface StreamIdentity {
  readonly connection: number;
  readonly stream: number;
}

/** The words of one stream: `warn` when a proxy refuses a secret or stays silent, `debug` for the protocol. */
export class StreamLog {
  readonly #logger: Logger;
  readonly #identity: StreamIdentity;
  /** What the peer called itself first; Envoy need not say it twice. */
  #nodeId = '';

  constructor(logger: Logger, identity: StreamIdentity) {
    this.#logger = logger;
    this.#identity = identity;
  }

  request({ names, version, nodeId }: DecodedRequest, verdict: Verdict, nowMs: number): void {
    if (this.#nodeId === '') this.#nodeId = nodeId;
    switch (verdict.kind) {
      case 'nack': {
        const { versions } = verdict.answered;
        this.#logger.warn('sds secret rejected by its proxy', {
          [Field.connection]: this.#identity.connection,
          [Field.stream]: this.#identity.stream,
          [Field.nodeId]: this.#nodeId,
          [Field.resourceName]: [...versions.keys()].join(' '),
          [Field.version]: [...versions.values()].join(' '),
          [Field.reason]: verdict.reason,
        });
        return;
      }
      case 'ack':
      case 'initial':
      case 'stale':
      case 'idle':
        if (!this.#logger.writesDebug) return;
        this.#logger.debug('sds request', {
          [Field.connection]: this.#identity.connection,
          [Field.stream]: this.#identity.stream,
          [Field.nodeId]: this.#nodeId,
          [Field.resourceName]: names.length === 1 ? names[0] : names.join(' '),
          [Field.version]: version,
          [Field.detail]: verdict.kind,
          [Field.durationMs]: verdict.kind === 'ack' ? nowMs - verdict.answered.sentAtMs : undefined,
        });
        return;
      default:
        verdict satisfies never;
    }
  }

  unanswered(verdict: 'late' | 'dead'): void {
    const message =
      verdict === 'late' ? 'sds response is not answered' : 'sds stream given up: response never answered';
    this.#logger.warn(message, {
      [Field.connection]: this.#identity.connection,
      [Field.stream]: this.#identity.stream,
      [Field.nodeId]: this.#nodeId,
    });
  }

  failed(error: unknown): void {
    this.#logger.debug('sds stream ended', {
      [Field.connection]: this.#identity.connection,
      [Field.stream]: this.#identity.stream,
      [Field.nodeId]: this.#nodeId,
      [Field.code]: errorCodeOf(error),
      [Field.error]: String(error),
    });
  }
}
