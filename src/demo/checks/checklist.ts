/** A promise that did not hold; the message says what was seen and what was expected. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
}

/** Runs checks, prints each with its evidence, and remembers which failed. */
export class Checklist {
  readonly #failed: string[] = [];

  constructor(private readonly line: (text: string) => void) {}

  /** The titles of the checks that failed, in order. */
  get failed(): readonly string[] {
    return this.#failed;
  }

  /** Runs one check: `work` resolves with its evidence, or throws. A check that throws does not stop the next. */
  async check(title: string, work: () => Promise<string>): Promise<void> {
    try {
      this.line(`ok    ${title}: ${await work()}`);
    } catch (error) {
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
