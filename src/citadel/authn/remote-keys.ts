import { errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import { type KeySet, parseKeySet, type TokenKeys } from '../../pki/token-keys/index.js';
import { readJson } from '../../system/small-files/index.js';
import { Field, type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import { type Every, everyUnreferenced } from '../../timers/index.js';

/** Reads a document of a web server, within bounds of time and size. Rejects with an Error that says why it cannot. */
export type ReadDocument = (url: URL) => Promise<Buffer>;

export interface RemoteKeysOptions {
  /** Whose tokens the keys verify. */
  readonly issuer: string;
  /** Where the key set is; `discovery`: where the issuer says. (OpenID Connect Discovery 1.0 §4) */
  readonly source: URL | 'discovery';
  readonly read: ReadDocument;
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly every?: Every;
}

/** A key that was withdrawn is out of use after so long. */
const READ_INTERVAL_MS = 60_000;

/**
 * Between two looks that tokens bring about: for a key id that is not known, or while there are no keys. Issuers
 * publish a key before they sign with it, and do not like to be asked more often.
 */
const MIN_LOOK_INTERVAL_MS = 10_000;

/**
 * The keys that an issuer publishes on the web: read at the start, once a minute, and when a token names a key that is
 * not known. What cannot be read, or is no key set, does not replace the last good one. An issuer that is away at the
 * start does not keep others from being served: its tokens cannot be verified until it is there.
 */
export class RemoteKeys implements TokenKeys {
  readonly issuers: readonly string[];
  private readonly log: RateLimitedLogger;
  private readonly stop: () => void;
  private current: ReadSet | undefined;
  private failure: unknown;
  private askedAtMs = Number.NEGATIVE_INFINITY;
  private looking: Promise<void> | undefined;

  private constructor(private readonly options: RemoteKeysOptions) {
    const { issuer, logger, now, every = everyUnreferenced } = options;
    this.issuers = [issuer];
    this.log = new RateLimitedLogger(logger, now);
    this.stop = every(READ_INTERVAL_MS, () => void this.lookOnce());
  }

  /** Resolves after the first look, whatever came of it. */
  static async open(options: RemoteKeysOptions): Promise<RemoteKeys> {
    const opened = new RemoteKeys(options);
    opened.askedAtMs = options.now();
    await opened.lookOnce();
    return opened;
  }

  get name(): string {
    return `the keys of ${this.options.issuer}`;
  }

  /** @throws IdentityError `ERR_JWKS_INVALID`: there have never been any. */
  async keys(): Promise<KeySet> {
    if (this.current === undefined) await this.lookIfDue();
    if (this.current !== undefined) return this.current.keys;
    throw new IdentityError('ERR_JWKS_INVALID', `${this.name} could not be read yet`, { cause: this.failure });
  }

  async keysForUnknownId(): Promise<KeySet | undefined> {
    return (await this.lookIfDue()) ? this.current?.keys : undefined;
  }

  /** Reads no more. Safe to call twice. */
  close(): void {
    this.stop();
  }

  /** False when there was one just now. Those who come while one is under way share it. */
  private async lookIfDue(): Promise<boolean> {
    const nowMs = this.options.now();
    // The distance, not the order: a clock that was set back must not keep us from looking.
    const isDue = this.looking !== undefined || Math.abs(nowMs - this.askedAtMs) >= MIN_LOOK_INTERVAL_MS;
    if (!isDue) return false;
    this.askedAtMs = nowMs;
    await this.lookOnce();
    return true;
  }

  private lookOnce(): Promise<void> {
    this.looking ??= this.look().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  /** Never rejects. */
  private async look(): Promise<void> {
    const { issuer, logger } = this.options;
    try {
      const read = await this.readKeys();
      const isFirst = this.current === undefined;
      if (this.current?.text.equals(read.text) === true) return;
      this.current = read;
      logger.info(isFirst ? 'token keys read' : 'token keys reloaded', { [Field.issuer]: issuer });
    } catch (error) {
      this.failure = error;
      const kept = this.current === undefined ? 'its tokens are refused' : 'the old ones stay';
      this.log.warn(`token keys of an issuer could not be read, ${kept}`, {
        [Field.issuer]: issuer,
        [Field.code]: errorCodeOf(error),
        [Field.error]: messageOf(error),
      });
    }
  }

  private async readKeys(): Promise<ReadSet> {
    const { source } = this.options;
    const url = source === 'discovery' ? await this.discover() : source;
    const text = await this.read(url);
    return { text, keys: parseKeySet(text, this.refusal(url)) };
  }

  /** The document must be of this very issuer: else another one could name its keys. (§4.3) */
  private async discover(): Promise<URL> {
    const { issuer } = this.options;
    const url = new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
    const refuse = this.refusal(url);
    const document = readJson(await this.read(url), refuse);
    const { issuer: told, jwks_uri: keys } = Object(document) as Readonly<Record<string, unknown>>;
    if (told !== issuer) return refuse(`a document of another issuer, ${JSON.stringify(told)}`, JSON.stringify(issuer));
    const place = typeof keys === 'string' && URL.canParse(keys) ? new URL(keys) : undefined;
    return place?.protocol === 'https:' ? place : refuse('a jwks_uri that is no URL of https', 'one');
  }

  private async read(url: URL): Promise<Buffer> {
    try {
      return await this.options.read(url);
    } catch (cause) {
      throw new IdentityError('ERR_JWKS_INVALID', `${url.href}: ${messageOf(cause)}`, { cause });
    }
  }

  private refusal(url: URL): (got: string, expected: string) => never {
    return (got, expected) => {
      throw new IdentityError('ERR_JWKS_INVALID', `${url.href}: got ${got}, expected ${expected}`);
    };
  }
}

interface ReadSet {
  readonly keys: KeySet;
  readonly text: Buffer;
}
