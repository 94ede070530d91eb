/** What can be given up: a call, a job that waits, or a {@link CancelSource} whose own listeners are told then. */
export interface Cancellable {
  cancel(): void;
}

/** Says that work is not wanted any more. Hands on what a {@link CancelSource} knows, without the right to cancel. */
export interface CancelSignal {
  readonly isCancelled: boolean;
  /** Cancels `one` when this is cancelled, at once if it has been; once, unless {@link delete} comes first. */
  add(one: Cancellable): void;
  delete(one: Cancellable): void;
}

/**
 * Cancels any number of things, and is the signal that they follow. Node's `AbortController` takes more than forty
 * calls of its code for a signal with one listener that comes and goes, warns of a leak from the eleventh listener on,
 * and makes an error with a stack; each request for a certificate has such listeners, and each stream of two thousand
 * pods. A listener is the object that is cancelled itself, so that none needs a closure.
 */
export class CancelSource implements CancelSignal, Cancellable {
  private cancelled = false;
  private listeners: Set<Cancellable> | undefined;

  get isCancelled(): boolean {
    return this.cancelled;
  }

  add(one: Cancellable): void {
    if (this.cancelled) {
      one.cancel();
      return;
    }
    this.listeners ??= new Set();
    this.listeners.add(one);
  }

  delete(one: Cancellable): void {
    this.listeners?.delete(one);
  }

  /** Cancels all that have been added and not deleted. Safe to call twice. */
  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    // One of them may delete others meanwhile.
    for (const one of this.listeners ?? []) one.cancel();
    this.listeners = undefined;
  }
}
