/** More than this is written without waiting for the end of the turn, so that a burst does not grow in memory. */
const MAX_KEPT_CHARS = 64 * 1024;

/**
 * Writes the lines of a log, those of one turn of the event loop together: when two thousand pods get their
 * certificates at once, a system call for each line would be a tenth of the work. What a person must see is written at
 * once, behind all that came before it.
 */
export class LogLines {
  private kept = '';
  private isPlanned = false;

  /** `write` has written when it returns. */
  constructor(private readonly write: (text: string) => void) {}

  add(line: string, isUrgent: boolean): void {
    this.kept += line;
    if (isUrgent || this.kept.length > MAX_KEPT_CHARS) {
      this.flush();
    } else if (!this.isPlanned) {
      this.isPlanned = true;
      setImmediate(() => this.flush());
    }
  }

  /** Writes what is there; to be called before the process ends. */
  flush(): void {
    this.isPlanned = false;
    const text = this.kept;
    this.kept = '';
    if (text !== '') this.write(text);
  }
}
