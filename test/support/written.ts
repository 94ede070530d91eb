import type { Readable } from 'node:stream';
import { PATIENCE_MS } from './patience.js';

/**
 * What a process writes to a pipe. It comes when it comes: that the process has answered somewhere else says nothing of
 * it. So no part of it can be looked at, but waited for; to say that something is not in it takes the {@link whole}, or
 * all that came {@link upTo} a line which the process writes later.
 */
export class Written {
  #text = '';
  #isOver = false;
  readonly #waiters = new Set<() => void>();

  /** `what` names the process in errors. Reads `stream` from now on to its end. */
  constructor(
    stream: Readable,
    private readonly what: string,
  ) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      this.#text += text;
      this.#notify();
    });
    stream.once('close', () => {
      this.#isOver = true;
      this.#notify();
    });
  }

  /**
   * Where it is now, for {@link line}: before all that the process is made to write by what comes after. What it wrote
   * earlier may still come after this place: wait for that first, where it looks the same.
   */
  get place(): number {
    return this.#text.length;
  }

  /** Resolves with the first whole line from `since` on that holds `wanted`. @throws Error when none comes. */
  async line(wanted: string | RegExp, since = 0): Promise<string> {
    const [line = ''] = await this.lines(wanted, 1, since);
    return line;
  }

  /** Resolves with the first `count` such lines. */
  async lines(wanted: string | RegExp, count: number, since = 0): Promise<string[]> {
    const found = await this.#until(`${count} line(s) with ${wanted}`, () => {
      const ends = endsOf(this.#text, wanted, since);
      return ends.length >= count ? ends : undefined;
    });
    return found.slice(0, count).map(({ line }) => line);
  }

  /** Resolves with all that it wrote up to the end of such a line. */
  async upTo(wanted: string | RegExp, since = 0): Promise<string> {
    const end = await this.#until(`a line with ${wanted}`, () => endsOf(this.#text, wanted, since)[0]?.end);
    return this.#text.slice(0, end);
  }

  /** Resolves when it has written `wanted`, in a line or over several. */
  async text(wanted: string): Promise<void> {
    await this.#until(JSON.stringify(wanted), () => this.#text.includes(wanted) || undefined);
  }

  /** Resolves with all that it wrote, when it has ended. @throws Error when it does not. */
  async whole(): Promise<string> {
    return this.#until('its end', () => (this.#isOver ? this.#text : undefined));
  }

  /** A failure that quotes what has come so far. */
  failure(message: string, cause?: unknown): Error {
    return new Error(`${message}; ${this.what} has written:\n${this.#text}`, { cause });
  }

  async #until<T>(wanted: string, find: () => T | undefined): Promise<T> {
    const limit = AbortSignal.timeout(PATIENCE_MS);
    limit.addEventListener('abort', () => this.#notify(), { once: true });
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (this.#isOver || limit.aborted) {
        throw this.failure(`waited for ${wanted}${this.#isOver ? ', and it has ended' : ''}`);
      }
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
    }
  }

  #notify(): void {
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }
}

/** The whole lines of `text` from `since` on that hold `wanted`, with where they end. */
function endsOf(
  text: string,
  wanted: string | RegExp,
  since: number,
): { readonly line: string; readonly end: number }[] {
  const found = [];
  let start = since;
  for (let end = text.indexOf('\n', start); end !== -1; end = text.indexOf('\n', start)) {
    const line = text.slice(start, end);
    start = end + 1;
    if (typeof wanted === 'string' ? line.includes(wanted) : wanted.test(line)) found.push({ line, end: start });
  }
  return found;
}
