import { hash } from 'node:crypto';
import { ChangingFiles } from './changing-files.js';
import { readSmallFile, type SmallFileOptions } from './read-small-file.js';

export interface FileValueOptions<T> extends SmallFileOptions {
  readonly path: string;
  /** Makes the value of the file's bytes; what it throws refuses them. */
  readonly parse: (content: Buffer) => T;
  /** When true, the value that is held stays, and there is no change. Left out, every other content is one. */
  readonly isSame?: (held: T, other: T) => boolean;
  /** Told of each value after the first. */
  readonly onChange?: () => void;
  /** Told why a state of the file did not replace the value that is held. */
  readonly onRefused?: (error: unknown) => void;
}

/** How often a file is looked at, at most: what peers send must not make us read. */
const MIN_LOOK_INTERVAL_MS = 1000;

/**
 * What a file says, by its newest state, looked at when it is asked for. A state that cannot be read or parsed, say
 * because it is half written, does not replace a good one. Calls at one time have one look. A file whose state is the
 * same is read again once a minute, and parsed when its content is another.
 */
export class FileValue<T> {
  private readonly file: ChangingFiles;
  private held: { readonly value: T } | undefined;
  private refusal: unknown;
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private looking: Promise<void> | undefined;
  /** Of the content that made the value. */
  private heldHash: string | undefined;

  constructor(private readonly options: FileValueOptions<T>) {
    this.file = new ChangingFiles([options.path]);
  }

  /**
   * The value by a look at the file now.
   * @throws what {@link readSmallFile} or `parse` did: it has never been good.
   */
  async newest(): Promise<T> {
    return this.value(Number.NaN);
  }

  private async value(nowMs: number): Promise<T> {
    this.looking ??= this.look(nowMs).finally(() => {
      this.looking = undefined;
    });
    await this.looking;
    if (this.held === undefined) throw this.refusal;
    return this.held.value;
  }

  /** The same, by a look at the file if the last for this method is a second ago. `nowMs`: epoch milliseconds. */
  async recent(nowMs: number): Promise<T> {
    // The distance, not the order: a clock that was set back must not keep us from looking.
    const isRecent = Math.abs(nowMs - this.lookedAtMs) < MIN_LOOK_INTERVAL_MS;
    if (this.held !== undefined && isRecent) return this.held.value;
    this.lookedAtMs = nowMs;
    return this.value(nowMs);
  }

  /** Never rejects. Without a time (NaN) only what has changed is read. */
  private async look(nowMs: number): Promise<void> {
    const { path, parse, onRefused } = this.options;
    try {
      if (!(await this.file.haveChanged(nowMs))) return;
      const { content } = await readSmallFile(path, this.options);
      const contentHash = hash('sha256', content);
      if (contentHash !== this.heldHash) this.take(parse(content));
      this.heldHash = contentHash;
    } catch (error) {
      this.file.forget();
      this.refusal = error;
      if (this.held !== undefined) onRefused?.(error);
    }
  }

  private take(value: T): void {
    const { isSame, onChange } = this.options;
    const { held } = this;
    if (held !== undefined && isSame?.(held.value, value) === true) return;
    this.held = { value };
    if (held !== undefined) onChange?.();
  }
}
