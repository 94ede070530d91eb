import type { ScheduledCall, WallClockTimers } from '../../timers/index.js';
import { SecretContent } from '../identity/index.js';
import { encodeSessionTicketKeys } from './secret-codec.js';

/** Envoy takes keys of exactly this length: a name of 16, and 32 each for encryption and for its proof. (BoringSSL) */
const KEY_BYTES = 80;

/** A key that leaks opens the sessions of the days in which it was in use: no more than the last two. */
const ROTATION_MS = 24 * 3600_000;
const KEPT_KEYS = 2;

export interface SessionTicketKeysOptions {
  readonly timers: WallClockTimers;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly randomBytes: (length: number) => Buffer;
  /** Called when there are new ones. */
  readonly onChange: () => void;
  /** Whether streams are there to use new ones. */
  readonly isWanted: () => boolean;
}

/**
 * The session ticket keys of one workload: the first encrypts, both decrypt. They come to be when they are first asked
 * for, and rotate from then on; when a day has passed and no stream wants them, they are dropped.
 */
export class SessionTicketKeys {
  #keys: readonly Buffer[] = [];
  #content: SecretContent | undefined;
  #rotation: ScheduledCall | undefined;

  constructor(private readonly options: SessionTicketKeysOptions) {}

  content(): SecretContent {
    return this.#content ?? this.#rotate();
  }

  /** Wipes them. New ones are made at the next request. */
  forget(): void {
    this.#rotation?.cancel();
    this.#content?.wipe();
    this.#content = undefined;
    for (const key of this.#keys) key.fill(0);
    this.#keys = [];
  }

  #rotate(): SecretContent {
    const { timers, now, randomBytes } = this.options;
    const [newest, ...others] = [randomBytes(KEY_BYTES), ...this.#keys];
    const dropped = others.splice(KEPT_KEYS - 1);
    this.#keys = [newest, ...others];
    const previous = this.#content;
    this.#content = new SecretContent('session-ticket-keys', encodeSessionTicketKeys(this.#keys));
    for (const key of dropped) key.fill(0);
    previous?.wipe();
    this.#rotation = timers.schedule(now() + ROTATION_MS, () => this.#due());
    return this.#content;
  }

  #due(): void {
    if (!this.options.isWanted()) {
      this.forget();
      return;
    }
    this.#rotate();
    this.options.onChange();
  }
}
