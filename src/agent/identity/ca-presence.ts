import type { ErrorCode } from '../../errors/index.js';

/** How long a CA that gave no answer counts as away; the next answer ends it sooner. */
const AWAY_MS = 30_000;

/** Failures that are no answer: the CA is away, or overloaded. */
const NO_ANSWER: ReadonlySet<ErrorCode> = new Set([
  'ERR_CA_UNAVAILABLE',
  'ERR_CA_DEADLINE',
  'ERR_CA_OVERLOADED',
  'ERR_CA_ROOT_INVALID',
]);

/** Whether the CA gave an answer lately, by what became of all requests to it: who may do without it need not wait. */
export class CaPresence {
  private missedAtMs = Number.NEGATIVE_INFINITY;

  /** `now` gives epoch milliseconds. */
  constructor(private readonly now: () => number) {}

  get isAway(): boolean {
    // The distance, not the order: a clock that was set back must not make it away for ever.
    return Math.abs(this.now() - this.missedAtMs) < AWAY_MS;
  }

  /** A request has ended so. */
  heard(code: ErrorCode | 'OK'): void {
    if (code === 'OK' || code === 'ERR_CA_REFUSED_TOKEN') this.missedAtMs = Number.NEGATIVE_INFINITY;
    else if (NO_ANSWER.has(code)) this.missedAtMs = this.now();
  }

  /** A caller has waited long enough for it. */
  missed(): void {
    this.missedAtMs = this.now();
  }
}
