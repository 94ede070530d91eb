/**
 * Tells one listener at a time that somebody has gone: the caller of a stream, while it is found out who that is. Of two
 * thousand pods there are four thousand such waits in a second, and an `AbortSignal` with a listener takes more than forty
 * calls of Node's own code.
 */
export class Departure {
  #hasGone = false;
  #listener: (() => void) | undefined;

  get hasGone(): boolean {
    return this.#hasGone;
  }

  /** Calls `listener` when they go, if that is still to come; in place of the one before, of none with `undefined`. */
  onGone(listener: (() => void) | undefined): void {
    this.#listener = listener;
  }

  /** Safe to call twice. */
  go(): void {
    if (this.#hasGone) return;
    this.#hasGone = true;
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.();
  }
}
