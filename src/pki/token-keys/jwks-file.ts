import { IdentityError, messageOf } from '../../errors/index.js';
import { FileValue } from '../../system/small-files/index.js';
import { Field, type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import type { KeySet } from './key-set.js';
import { MAX_JWKS_BYTES, parseKeySet, type TokenKeys } from './token-keys.js';

export interface JwksFileOptions {
  readonly path: string;
  /** Those whose tokens the keys verify. */
  readonly issuers: readonly string[];
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Between two looks for a key id that is not known: tokens with made-up ids must not make us read more often. */
const MIN_UNKNOWN_INTERVAL_MS = 1000;

/**
 * The JSON Web Key Set of a file (RFC 7517 §5), read again when the file has changed. A state that cannot be read, say
 * because it is half written, does not replace a good one.
 */
export class JwksFile implements TokenKeys {
  readonly name = 'the JWKS file';
  private readonly file: FileValue<KeySet>;
  private lookedForUnknownAtMs = 0;

  private constructor(private readonly options: JwksFileOptions) {
    const { path, logger, now } = options;
    const log = new RateLimitedLogger(logger, now);
    const what = `JWKS file ${path}`;
    const refuse = (got: string, expected: string): never => {
      throw new IdentityError('ERR_JWKS_INVALID', `${what}: got ${got}, expected ${expected}`);
    };
    this.file = new FileValue({
      ...{ path, what, code: 'ERR_JWKS_INVALID', maxBytes: MAX_JWKS_BYTES },
      parse: (content) => parseKeySet(content, refuse),
      onChange: () => logger.info('token keys reloaded', { [Field.path]: path }),
      onRefused(error) {
        const reason = messageOf(error);
        const fields = { [Field.path]: path, [Field.error]: reason };
        log.warn('token keys could not be reloaded, the old ones stay', fields);
      },
    });
  }

  get issuers(): readonly string[] {
    return this.options.issuers;
  }

  /** @throws IdentityError `ERR_JWKS_INVALID`. */
  static async open(options: JwksFileOptions): Promise<JwksFile> {
    const opened = new JwksFile(options);
    await opened.keys();
    return opened;
  }

  /** The newest keys, by a look at the file if the last is a second ago. */
  keys(): Promise<KeySet> {
    return this.file.recent(this.options.now());
  }

  /**
   * The keys after another look, for a token with a key id that {@link keys} did not have: it may be newer than our
   * last look. `undefined` when there was one for this reason less than a second ago.
   */
  async keysForUnknownId(): Promise<KeySet | undefined> {
    const nowMs = this.options.now();
    // The distance, not the order: a clock that was set back must not keep us from looking.
    if (Math.abs(nowMs - this.lookedForUnknownAtMs) < MIN_UNKNOWN_INTERVAL_MS) return undefined;
    this.lookedForUnknownAtMs = nowMs;
    return this.file.newest();
  }
}
