/**
 * What listeners are told as the reason. Without one, Node makes an error with a stack for each of thousands of pods.
 */
const REASON = 'closed';

/**
 * An `AbortController` that is made when its signal is first wanted: there are several in each of a node's pods, most
 * of them never asked for, and each costs as much as a promise chain.
 */
export class LazyAbort {
  private controller: AbortController | undefined;
  #isAborted = false;

  get isAborted(): boolean {
    return this.#isAborted;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.#isAborted) this.controller.abort(REASON);
    }
    return this.controller.signal;
  }

  /** Safe to call twice. */
  abort(): void {
    this.#isAborted = true;
    this.controller?.abort(REASON);
  }
}
