const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 90;

/** Goes to the start of the line and clears it. */
const CLEAR_LINE = '\r\u001b[K';

export interface ProgressOptions {
  /** Takes one whole line. */
  readonly out: (line: string) => void;
  /** Takes text as it is; undefined when there is no terminal to draw on. */
  readonly draw: ((text: string) => void) | undefined;
  readonly now: () => number;
}

/**
 * Prints lines, and while something is under way shows what: a spinner with seconds on a terminal, a line elsewhere.
 */
export class Progress {
  private title: string | undefined;
  private startedAtMs = 0;
  private frame = 0;

  constructor(private readonly options: ProgressOptions) {}

  /** Prints a line; a spinner is moved out of its way. */
  line(text: string): void {
    this.clear();
    this.options.out(text);
  }

  /**
   * Runs `work` under `title`. `rename` changes the title on the way: on a terminal only, where it does not pile up.
   */
  async step<T>(title: string, work: (rename: (title: string) => void) => Promise<T>): Promise<T> {
    this.title = title;
    this.startedAtMs = this.options.now();
    const isDrawn = this.options.draw !== undefined;
    if (!isDrawn) this.options.out(`${title} ...`);
    const timer = isDrawn ? setInterval(() => this.redraw(), FRAME_MS) : undefined;
    try {
      return await work((renamed) => {
        this.title = renamed;
      });
    } finally {
      clearInterval(timer);
      this.clear();
      this.title = undefined;
    }
  }

  private redraw(): void {
    const seconds = ((this.options.now() - this.startedAtMs) / 1000).toFixed(1);
    this.frame = (this.frame + 1) % FRAMES.length;
    this.options.draw?.(`${CLEAR_LINE}${FRAMES[this.frame]} ${this.title} (${seconds} s)`);
  }

  private clear(): void {
    if (this.title !== undefined) this.options.draw?.(CLEAR_LINE);
  }
}
