import { ConnectionError, ErrorCode } from './errors.js';

/**
 * What costs us something and brings a peer nothing: as much is let pass as a gateway of thousands of secrets brings about
 * in a moment, when it begins, or gives up, all of its streams.
 */
const MAX_COUNT = 20_000;

/** In which it may come: above 2 000 a second a peer keeps us busy for no purpose. */
const PERIOD_MS = 10_000;

/** An honest peer answers each of our messages: with an ACK, two WINDOW_UPDATEs, and grpc-core with a PING. */
const FORGIVEN_PER_MESSAGE = 4;

/**
 * Tells a flood of PING, SETTINGS, RST_STREAM, PRIORITY, of empty frames, requests or messages from what an honest peer
 * sends. Looks at the clock once in many only. (RFC 9113 §10.5; CVE-2019-9512 and its like, CVE-2023-44487)
 */
export class FloodGuard {
  #count = 0;
  private sinceMs: number;

  constructor(private readonly now: () => number) {
    this.sinceMs = now();
  }

  /** Counts one. @throws ConnectionError when it is too much. */
  count(): void {
    this.#count += 1;
    if (this.#count < MAX_COUNT) return;
    const nowMs = this.now();
    const isFlood = nowMs - this.sinceMs < PERIOD_MS;
    this.#count = 0;
    this.sinceMs = nowMs;
    if (isFlood) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'got a flood of frames or messages');
  }

  /** We have sent a message: what it brings about is not the peer's idea. */
  forgive(): void {
    this.#count = Math.max(0, this.#count - FORGIVEN_PER_MESSAGE);
  }
}
