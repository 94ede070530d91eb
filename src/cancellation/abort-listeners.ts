import type { EndSignal } from './light-abort.js';

/**
 * Any number of things that one signal ends, with one listener at the signal: Node warns of a leak from the eleventh
 * on, and a signal may be that of all that a closing agent has under way.
 */
export class AbortListeners<T> {
  private readonly bySignal = new Map<EndSignal, { readonly those: Set<T>; readonly listener: () => void }>();

  constructor(private readonly onAbort: (one: T) => void) {}

  /** Calls back with `one` when the signal is aborted, unless {@link delete} comes first. */
  add(signal: EndSignal, one: T): void {
    const known = this.bySignal.get(signal);
    if (known !== undefined) {
      known.those.add(one);
      return;
    }
    const those = new Set([one]);
    const listener = (): void => {
      this.bySignal.delete(signal);
      for (const each of those) this.onAbort(each);
    };
    this.bySignal.set(signal, { those, listener });
    signal.addEventListener('abort', listener, { once: true });
  }

  delete(signal: EndSignal, one: T): void {
    const known = this.bySignal.get(signal);
    if (known?.those.delete(one) !== true || known.those.size > 0) return;
    this.bySignal.delete(signal);
    signal.removeEventListener('abort', known.listener);
  }
}
