/** Goes to the start of the line and clears it. */
const CLEAR_LINE = '\r\u001b[K';

/** Where no line can be drawn over, how it goes is printed this often. */
const PLAIN_PERIOD_MS = 5000;

/** One line that changes on a terminal, a line now and then elsewhere. */
export class ProgressLine {
  private nextPlainAtMs = PLAIN_PERIOD_MS;

  /** `out` takes whole lines; `draw`, when there is a terminal, text as it is. */
  constructor(
    protected readonly out: (line: string) => void,
    private readonly draw: ((text: string) => void) | undefined,
  ) {}

  /** Takes the line away. */
  end(): void {
    this.draw?.(CLEAR_LINE);
  }

  protected show(elapsedMs: number, text: string): void {
    if (this.draw !== undefined) {
      this.draw(`${CLEAR_LINE}${text}`);
    } else if (elapsedMs >= this.nextPlainAtMs) {
      this.nextPlainAtMs = elapsedMs + PLAIN_PERIOD_MS;
      this.out(text);
    }
  }
}
