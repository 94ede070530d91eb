import { type Cancellable, type CancelSignal, CancelSource } from '../../src/cancellation/index.js';

/** A signal that has been cancelled already. */
export function cancelledSignal(): CancelSignal {
  const source = new CancelSource();
  source.cancel();
  return source;
}

/** Counts what waits for its cancellation. */
export class CountingSource extends CancelSource {
  readonly #waiting = new Set<Cancellable>();

  get waiting(): number {
    return this.#waiting.size;
  }

  override add(one: Cancellable): void {
    this.#waiting.add(one);
    super.add(one);
  }

  override delete(one: Cancellable): void {
    this.#waiting.delete(one);
    super.delete(one);
  }

  override cancel(): void {
    super.cancel();
    this.#waiting.clear();
  }
}
