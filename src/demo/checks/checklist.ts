/** A promise that did not hold; the message says what was seen and what was expected. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
}

/** Runs checks, prints each with its evidence, and remembers which failed. */
export class Checklist {
  readonly #failed: string[] = [];
  #held = 0;

  /** `signal` aborts when the demo is to end: what fails then has not been judged. */
  constructor(
    private readonly line: (text: string) => void,
    private readonly signal: AbortSignal,
  ) {}

  /** The titles of the checks that failed, in order. */
  get failed(): readonly string[] {
    return this.#failed;
  }

  /** How many checks have held. */
  get held(): number {
    return this.#held;
  }

  /**
   * Runs one check: `work` resolves with its evidence, or throws. A check that throws does not stop the next; an abort
   * does.
   */
  async check(title: string, work: () => Promise<string>): Promise<void> {
    try {
      this.line(`ok    ${title}: ${await work()}`);
      this.#held += 1;
    } catch (error) {
      if (this.signal.aborted) throw error;
      this.#failed.push(title);
      this.line(`FAIL  ${title}: ${reason(error)}`);
    }
  }
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return `${error.message} (${error.cause.message})`;
  return error.message;
}
