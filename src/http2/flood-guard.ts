/**
 * Frames that cost us something and carry nothing: as many are let pass as a gateway of thousands of secrets brings
 * about in a moment (each stream that it gives up is one).
 */
const MAX_FRAMES = 10_000;

/** In which they may come: above 1 000 a second a peer keeps us busy for no purpose. */
const PERIOD_MS = 10_000;

/**
 * Tells a flood of PING, SETTINGS, RST_STREAM, PRIORITY or of empty frames from what an honest peer sends. Looks at the
 * clock once in many frames only. (RFC 9113 §10.5; CVE-2019-9512 and its like, CVE-2023-44487)
 */
export class FloodGuard {
  #frames = 0;
  #sinceMs: number;

  constructor(private readonly now: () => number) {
    this.#sinceMs = now();
  }

  /** Counts one; true when it is too much. */
  isFlooded(): boolean {
    this.#frames += 1;
    if (this.#frames < MAX_FRAMES) return false;
    const nowMs = this.now();
    const isFlood = nowMs - this.#sinceMs < PERIOD_MS;
    this.#frames = 0;
    this.#sinceMs = nowMs;
    return isFlood;
  }
}
