/** What {@link Keepalive} needs of its surroundings. */
export interface KeepaliveOptions {
  /** Sends a ping; `onPong` is called when its answer has come. */
  readonly ping: (onPong: () => void) => void;
  /** A ping has had no answer: the peer, or the way to it, is dead. */
  readonly onDead: () => void;
  /** Calls `fire` once after `delayMs`; the result cancels it. */
  readonly after: (delayMs: number, fire: () => void) => () => void;
}

/** istiod ends connections that ping more often than each 15 s, or without a call. (reference: Istio 3.1, 8) */
const INTERVAL_MS = 30_000;

const ANSWER_TIMEOUT_MS = 10_000;

/** Finds out that a peer is dead while calls wait for it; while there is none, nothing is sent. */
export class Keepalive {
  private calls = 0;
  private disarm = (): void => {};

  constructor(private readonly options: KeepaliveOptions) {}

  /** A call is under way from now on. */
  begin(): void {
    this.calls += 1;
    if (this.calls === 1) this.wait();
  }

  /** It no longer is. */
  end(): void {
    this.calls -= 1;
    if (this.calls === 0) this.disarm();
  }

  private wait(): void {
    this.disarm = this.options.after(INTERVAL_MS, () => this.ping());
  }

  private ping(): void {
    const { ping, onDead, after } = this.options;
    const disarm = after(ANSWER_TIMEOUT_MS, onDead);
    let isAwaited = true;
    this.disarm = () => {
      isAwaited = false;
      disarm();
    };
    ping(() => {
      if (!isAwaited) return;
      disarm();
      this.wait();
    });
  }
}
