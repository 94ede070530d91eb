import type { CancelSignal } from '../../src/cancellation/index.js';
import type { CallOptions, HotPath, IssuedLeaf } from '../../src/hotpath/index.js';

/** The `issue` half of a hot path that does as it is told. */
export class FakeIssuing implements Pick<HotPath, 'issue'> {
  /** How often it has been asked. */
  calls = 0;
  /** How many of those calls have ended, well or badly. */
  answers = 0;
  /** Of the last call: cancelled when its leaf is not wanted any more. */
  signal: CancelSignal | undefined;
  /** Of each call: whether no other request was in flight. */
  readonly alone: boolean[] = [];
  /** What the next calls fail with at once. */
  failure: Error | undefined;
  /** The next calls wait for {@link release}. */
  isHeld = false;
  readonly #held: (() => void)[] = [];
  readonly #waiters: (() => void)[] = [];

  constructor(private readonly real: Pick<HotPath, 'issue'>) {}

  async issue(request: Parameters<HotPath['issue']>[0], options?: CallOptions): Promise<IssuedLeaf> {
    this.calls += 1;
    this.signal = options?.signal;
    this.alone.push(options?.isAlone === true);
    this.#wake();
    try {
      if (this.isHeld) await new Promise<void>((resolve) => this.#held.push(resolve));
      if (this.failure !== undefined) throw this.failure;
      return await this.real.issue(request, options);
    } finally {
      this.answers += 1;
      this.#wake();
    }
  }

  /** Lets all go that wait. */
  release(): void {
    this.isHeld = false;
    for (const go of this.#held.splice(0)) go();
  }

  /** Resolves when it has been asked `count` times in all. */
  async untilCalled(count: number): Promise<void> {
    while (this.calls < count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Resolves when `count` calls have ended in all. */
  async untilAnswered(count: number): Promise<void> {
    while (this.answers < count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}
