import { IdentityError } from '../../errors/index.js';
import { markOf, readJson, readSmallFile } from '../../system/small-files/index.js';
import { Field, type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import { KeySet } from './key-set.js';
import { type PublicJwk, VerificationKey } from './verification-keys.js';

export interface JwksFileOptions {
  readonly path: string;
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** A key set holds a handful of keys of less than a kilobyte. */
const MAX_JWKS_BYTES = 256 * 1024;

/** How often the file is looked at, at most: tokens with made-up key ids must not make us read. */
const MIN_LOOK_INTERVAL_MS = 1000;

/**
 * The JSON Web Key Set of a file (RFC 7517 §5), read again when the file has changed. A state that cannot be read, say
 * because it is half written, does not replace a good one.
 */
export class JwksFile {
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

/** Keeps public asymmetric keys only: a shared secret could sign what it verifies. */
function parseKeySet(bytes: Buffer, refuse: (got: string, expected: string) => never): KeySet {
  const set = readJson(bytes, refuse);
  if (typeof set !== 'object' || set === null || !('keys' in set) || !Array.isArray(set.keys)) {
    return refuse('no key set', 'a JSON object with an array "keys"');
  }
  const keys = set.keys.filter(isPublicKey);
  if (keys.length === 0) return refuse('no public key', 'at least one of type RSA, EC or OKP');
  return new KeySet(keys.map((key) => new VerificationKey(key)));
}

function isPublicKey(key: unknown): key is PublicJwk {
  if (typeof key !== 'object' || key === null || !('kty' in key)) return false;
  return (key.kty === 'RSA' || key.kty === 'EC' || key.kty === 'OKP') && !('d' in key);
}
