import { errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import { type KeySet, MAX_JWKS_BYTES, parseKeySet, type TokenKeys } from '../../pki/token-keys/index.js';
import { readJson } from '../../system/small-files/index.js';
import { Field, type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import { type Every, everyUnreferenced } from '../../timers/index.js';

/** What publishes with which keys tokens are signed, and by which issuer: an API server, by two paths. */
export interface KeyPublisher {
  /** As messages name it: `the API server 10.96.0.1:443`. */
  readonly name: string;
  /** The discovery document, in JSON. (OpenID Connect Discovery 1.0 §4) */
  readDiscovery(): Promise<Buffer>;
  /** The key set, in JSON. (RFC 7517 §5) */
  readKeys(): Promise<Buffer>;
}

export interface PublishedKeysOptions {
  readonly publisher: KeyPublisher;
  /** Further issuers whose tokens the keys verify: an API server that changes its issuer tells of the newest alone. */
  readonly issuers: readonly string[];
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly every?: Every;
}

/** A key that was withdrawn is out of use after so long. */
const READ_INTERVAL_MS = 60_000;

/** Between two looks for unknown key ids. */
const MIN_LOOK_INTERVAL_MS = 1000;

/** An API server has one issuer, and some time after a change tokens of two. */
const MAX_ISSUERS_SEEN = 4;

/**
 * The keys that an API server publishes, and its issuer: read at the start, once a minute, and when a token names a key
 * that is not known. What cannot be read, or is no key set, does not replace the last good one.
 */
export class PublishedKeys implements TokenKeys {
  #issuers: readonly string[];
  private readonly seenIssuers: string[] = [];
  private current: ReadKeys;
  #readAtMs: number;
  private lookedForUnknownAtMs = Number.NEGATIVE_INFINITY;
  private looking: Promise<void> | undefined;
  private readonly log: RateLimitedLogger;
  private readonly stop: () => void;

  private constructor(
    private readonly options: PublishedKeysOptions,
    first: ReadKeys,
  ) {
    const { now, logger, every = everyUnreferenced } = options;
    this.current = first;
    this.#readAtMs = now();
    this.log = new RateLimitedLogger(logger, now);
    this.#issuers = this.issuersWith(first.issuer);
    this.stop = every(READ_INTERVAL_MS, () => void this.lookOnce());
    this.tell('token keys read');
  }

  /** @throws IdentityError `ERR_JWKS_INVALID`, and what the publisher rejects with. */
  static async open(options: PublishedKeysOptions): Promise<PublishedKeys> {
    return new PublishedKeys(options, await readPublished(options.publisher));
  }

  get name(): string {
    return `the keys of ${this.options.publisher.name}`;
  }

  get issuers(): readonly string[] {
    return this.#issuers;
  }

  /** When they were last read, in epoch milliseconds. */
  get readAtMs(): number {
    return this.#readAtMs;
  }

  keys(): KeySet {
    return this.current.keys;
  }

  async keysForUnknownId(): Promise<KeySet | undefined> {
    const nowMs = this.options.now();
    // The distance, not the order: a clock that was set back must not keep us from looking.
    if (Math.abs(nowMs - this.lookedForUnknownAtMs) < MIN_LOOK_INTERVAL_MS) return undefined;
    this.lookedForUnknownAtMs = nowMs;
    await this.lookOnce();
    return this.current.keys;
  }

  /** Reads no more. Safe to call twice. */
  close(): void {
    this.stop();
  }

  private lookOnce(): Promise<void> {
    this.looking ??= this.look().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  /** Never rejects. */
  private async look(): Promise<void> {
    try {
      const read = await readPublished(this.options.publisher);
      this.#readAtMs = this.options.now();
      const isSame = read.text.equals(this.current.text) && read.issuer === this.current.issuer;
      if (isSame) return;
      this.current = read;
      this.#issuers = this.issuersWith(read.issuer);
      this.tell('token keys reloaded');
    } catch (error) {
      this.log.warn('token keys could not be reloaded, the old ones stay', {
        [Field.address]: this.options.publisher.name,
        [Field.code]: errorCodeOf(error),
        [Field.error]: messageOf(error),
      });
    }
  }

  /** Those of the settings, and the last that the publisher has told: tokens of an earlier one live on for a while. */
  private issuersWith(issuer: string): string[] {
    const at = this.seenIssuers.indexOf(issuer);
    if (at >= 0) this.seenIssuers.splice(at, 1);
    this.seenIssuers.unshift(issuer);
    this.seenIssuers.length = Math.min(this.seenIssuers.length, MAX_ISSUERS_SEEN);
    return [...new Set([...this.seenIssuers, ...this.options.issuers])];
  }

  private tell(message: string): void {
    this.options.logger.info(message, {
      [Field.address]: this.options.publisher.name,
      [Field.issuer]: this.#issuers.join(', '),
    });
  }
}

interface ReadKeys {
  readonly keys: KeySet;
  readonly issuer: string;
  /** Of the key set: tells whether it has changed. */
  readonly text: Buffer;
}

async function readPublished(publisher: KeyPublisher): Promise<ReadKeys> {
  const [discovery, text] = await Promise.all([publisher.readDiscovery(), publisher.readKeys()]);
  const refuse = (got: string, expected: string): never => {
    throw new IdentityError('ERR_JWKS_INVALID', `keys of ${publisher.name}: got ${got}, expected ${expected}`);
  };
  if (text.length > MAX_JWKS_BYTES) return refuse(`${text.length} bytes`, `at most ${MAX_JWKS_BYTES}`);
  const document = readJson(discovery, refuse);
  const issuer =
    typeof document === 'object' && document !== null && 'issuer' in document ? document.issuer : undefined;
  if (typeof issuer !== 'string' || issuer === '') return refuse('a discovery document without issuer', 'one with');
  return { keys: parseKeySet(text, refuse), issuer, text };
}
