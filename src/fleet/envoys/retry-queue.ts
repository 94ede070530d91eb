/** What can be tried again. */
export interface Retriable {
  retry(): void;
}

/** Envoy's back-off: 500 ms base, 30 s cap, jitter over the whole range. (Envoy, JitteredExponentialBackOffStrategy) */
const BASE_MS = 500;
const MAX_MS = 30_000;

/** Things to be done again after a back-off, without a timer for each. */
export class RetryQueue {
  private waiting: { readonly dueAtMs: number; readonly what: Retriable }[] = [];

  constructor(private readonly random: () => number) {}

  /** Queues `what` after its `attempts`-th failure in a row. */
  add(what: Retriable, attempts: number, nowMs: number): void {
    const rangeMs = Math.min(BASE_MS * 2 ** Math.min(attempts, 10), MAX_MS);
    this.waiting.push({ dueAtMs: nowMs + this.random() * rangeMs, what });
  }

  /** Tries what is due. */
  run(nowMs: number): void {
    if (this.waiting.length === 0) return;
    const due = this.waiting.filter(({ dueAtMs }) => dueAtMs <= nowMs);
    this.waiting = this.waiting.filter(({ dueAtMs }) => dueAtMs > nowMs);
    for (const { what } of due) what.retry();
  }
}
