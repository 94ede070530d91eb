import { IdentityError } from '../../errors/index.js';
import { markOf, readSmallFile } from '../../system/small-files/index.js';
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

/** How often the file is looked at, at most: tokens with made-up key ids must not make us read. */
const MIN_LOOK_INTERVAL_MS = 1000;

/**
 * The JSON Web Key Set of a file (RFC 7517 §5), read again when the file has changed. A state that cannot be read, say
 * because it is half written, does not replace a good one.
 */
export class JwksFile implements TokenKeys {
  readonly name = 'the JWKS file';
  #keys: KeySet;
  private mark: string;
  private lookedAtMs: number;
  private lookedForUnknownAtMs = 0;
  private looking: Promise<void> | undefined;
  private readonly log: RateLimitedLogger;

  private constructor(
    private readonly options: JwksFileOptions,
    first: ReadKeys,
  ) {
    this.#keys = first.keys;
    this.mark = first.mark;
    this.lookedAtMs = options.now();
    this.log = new RateLimitedLogger(options.logger, options.now);
  }

  get issuers(): readonly string[] {
    return this.options.issuers;
  }

  /** @throws IdentityError `ERR_JWKS_INVALID`. */
  static async open(options: JwksFileOptions): Promise<JwksFile> {
    return new JwksFile(options, await readKeys(options.path));
  }

  /** The newest keys, by a look at the file if the last is a second ago. */
  async keys(): Promise<KeySet> {
    if (this.isSecondAgo(this.lookedAtMs)) await this.lookOnce();
    return this.#keys;
  }

  /**
   * The keys after another look, for a token with a key id that {@link keys} did not have: it may be newer than our
   * last look. `undefined` when there was one for this reason less than a second ago.
   */
  async keysForUnknownId(): Promise<KeySet | undefined> {
    if (!this.isSecondAgo(this.lookedForUnknownAtMs)) return undefined;
    this.lookedForUnknownAtMs = this.options.now();
    await this.lookOnce();
    return this.#keys;
  }

  /** The distance, not the order: a clock that was set back must not keep us from looking. */
  private isSecondAgo(timeMs: number): boolean {
    return Math.abs(this.options.now() - timeMs) >= MIN_LOOK_INTERVAL_MS;
  }

  private lookOnce(): Promise<void> {
    this.looking ??= this.look().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private async look(): Promise<void> {
    const { path, now, logger } = this.options;
    this.lookedAtMs = now();
    try {
      const read = await readKeys(path, this.mark);
      if (read === undefined) return;
      this.#keys = read.keys;
      this.mark = read.mark;
      logger.info('token keys reloaded', { [Field.path]: path });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.log.warn('token keys could not be reloaded, the old ones stay', {
        [Field.path]: path,
        [Field.error]: reason,
      });
    }
  }
}

interface ReadKeys {
  readonly keys: KeySet;
  /** Tells this state of the file from the next. */
  readonly mark: string;
}

/** Reads the file, unless it still is in the state of `knownMark`. */
async function readKeys(path: string): Promise<ReadKeys>;
async function readKeys(path: string, knownMark: string): Promise<ReadKeys | undefined>;
async function readKeys(path: string, knownMark?: string): Promise<ReadKeys | undefined> {
  if (knownMark !== undefined && knownMark === (await markOf(path))) return undefined;
  const what = `JWKS file ${path}`;
  const { content, mark } = await readSmallFile(path, { what, code: 'ERR_JWKS_INVALID', maxBytes: MAX_JWKS_BYTES });
  const refuse = (got: string, expected: string): never => {
    throw new IdentityError('ERR_JWKS_INVALID', `${what}: got ${got}, expected ${expected}`);
  };
  return { mark, keys: parseKeySet(content, refuse) };
}
