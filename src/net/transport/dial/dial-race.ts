/** One try with one address. */
export interface Attempt {
  /** Gives it up; none of its events follows. */
  cancel(): void;
}

/** What one attempt tells. */
export interface AttemptEvents<T> {
  /** Something answers at the address; the handshake follows. */
  reached(): void;
  succeeded(value: T): void;
  failed(error: Error): void;
}

export interface DialRaceOptions<T> {
  /** In the order in which they are tried. */
  readonly addresses: readonly string[];
  /** Begins an attempt. It tells nothing before it has returned. */
  readonly begin: (address: string, events: AttemptEvents<T>) => Attempt;
  /** Calls `fire` once after `delayMs`; the result cancels it. */
  readonly after: (delayMs: number, fire: () => void) => () => void;
  readonly onWon: (value: T) => void;
  /** All have failed: why, in the order of the failures. */
  readonly onLost: (errors: readonly Error[]) => void;
}

/** RFC 8305 §5, "Connection Attempt Delay": the recommended value. */
const CONNECT_DELAY_MS = 250;

/**
 * The same for an address that has taken the connection and does not finish the handshake: a proxy on the way takes any
 * connection, whether its peer is alive or not. More than two round trips to the far side of the Earth and a busy CA.
 */
const HANDSHAKE_DELAY_MS = 2000;

/**
 * Tries the addresses of one peer, each a while after the one before, or at once when that one has failed. No attempt
 * is given up for another one: the first that succeeds ends the others. (RFC 8305 §5, "Happy Eyeballs")
 *
 * Node's own way (`autoSelectFamily`) gives each address but the last 250 ms and then gives it up, so a peer that is
 * farther away than that is never reached.
 */
export class DialRace<T> {
  private readonly running = new Set<Attempt>();
  private readonly errors: Error[] = [];
  private begun = 0;
  private latest: Attempt | undefined;
  private disarm = (): void => {};

  constructor(private readonly options: DialRaceOptions<T>) {}

  start(): void {
    this.beginNext();
  }

  /** Gives up all attempts; nothing is told afterwards. */
  cancel(): void {
    this.disarm();
    this.begun = this.options.addresses.length;
    for (const attempt of this.running) attempt.cancel();
    this.running.clear();
  }

  private beginNext(): void {
    this.disarm();
    const address = this.options.addresses[this.begun];
    if (address === undefined) {
      if (this.running.size === 0) this.options.onLost(this.errors);
      return;
    }
    this.begun += 1;
    const attempt = this.options.begin(address, {
      reached: () => this.reached(attempt),
      succeeded: (value) => this.succeeded(attempt, value),
      failed: (error) => this.failed(attempt, error),
    });
    this.running.add(attempt);
    this.latest = attempt;
    this.nextAfter(CONNECT_DELAY_MS);
  }

  private nextAfter(delayMs: number): void {
    this.disarm();
    this.disarm = this.options.after(delayMs, () => this.beginNext());
  }

  private reached(attempt: Attempt): void {
    if (this.latest === attempt && this.running.has(attempt)) this.nextAfter(HANDSHAKE_DELAY_MS);
  }

  private succeeded(attempt: Attempt, value: T): void {
    if (!this.running.delete(attempt)) return;
    this.cancel();
    this.options.onWon(value);
  }

  private failed(attempt: Attempt, error: Error): void {
    if (!this.running.delete(attempt)) return;
    this.errors.push(error);
    if (this.latest === attempt || this.running.size === 0) this.beginNext();
  }
}
