/** What of an `AbortSignal` those need who only want to hear of the end. */
export interface EndSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/**
 * An `AbortController` and its signal in one small object. Each stream of two thousand pods has one while it is found
 * out whose it is, and each request for a certificate: Node's own, with a listener that comes and goes, takes more than
 * forty calls of its code.
 */
export class LightAbort implements EndSignal {
  private isAborted = false;
  private listeners: (() => void)[] | undefined;

  get aborted(): boolean {
    return this.isAborted;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.isAborted) return;
    if (this.listeners === undefined) this.listeners = [listener];
    else if (!this.listeners.includes(listener)) this.listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.listeners?.indexOf(listener) ?? -1;
    if (at >= 0) this.listeners?.splice(at, 1);
  }

  /** Tells all who listen, each once. Safe to call twice. */
  abort(): void {
    if (this.isAborted) return;
    this.isAborted = true;
    const listeners = this.listeners;
    this.listeners = undefined;
    for (const listener of listeners ?? []) listener();
  }
}
