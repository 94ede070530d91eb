import { errorCodeOf, type IdentityError, messageOf } from '../../errors/index.js';
import {
  ChangingFiles,
  isReadableByAll,
  readIfThere,
  readSmallFile,
  type SmallFile,
  type SmallFileOptions,
} from '../../system/small-files/index.js';
import { Field, type RateLimitedLogger } from '../../telemetry/index.js';
import type { FilePlaces } from './allowed-directories.js';
import type { FileWatch } from './file-watch.js';

/** What all files of an agent are read with. */
export interface FileDependencies {
  readonly directories: FilePlaces;
  readonly watch: Pick<FileWatch, 'add'>;
  readonly log: RateLimitedLogger;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What files are now. */
export interface Parsed<T> {
  readonly value: T;
  /** After this moment (epoch milliseconds) the same files have another value: they are parsed again. */
  readonly goodUntilMs?: number | undefined;
}

/** What the files are parsed for. */
export interface Round<T> {
  /** The value that is held, and stays when the new one is refused. */
  readonly held: T | undefined;
  /** Tells of what is wrong but can be left out. */
  readonly leftOut: (problem: IdentityError) => void;
}

/** Files that make one value together. */
export interface FilesOf<T> {
  /** What it is for, for the log. */
  readonly what: string;
  readonly paths: readonly string[];
  /** May be missing: its content then is `undefined`. */
  readonly optionalPaths?: readonly string[];
  /** Those of them that hold a secret: it is told when every user may read one. */
  readonly secretPaths?: readonly string[];
  /**
   * Makes the value of the contents, in the order of paths and optional paths, which are wiped afterwards.
   * @throws IdentityError, which says what was expected.
   */
  readonly parse: (contents: readonly (Buffer | undefined)[], round: Round<T>) => Parsed<T> | Promise<Parsed<T>>;
  /** Equal values are no change. */
  readonly isSame: (one: T, other: T) => boolean;
  /** A value that has been replaced, or came too late. */
  readonly discard?: (value: T) => void;
}

/**
 * The value of some files, made again when one of them has changed. They are read together and judged together, and
 * what cannot be read or is refused does not replace what was good: a swap in mid-read shows as a refusal, and is read
 * again.
 */
export class ReloadedFiles<T> {
  #value: T | undefined;
  #refusal: unknown;
  private readonly state: ChangingFiles;
  private goodUntilMs = Number.POSITIVE_INFINITY;
  private stopWatching: (() => void) | undefined;
  private isClosed = false;

  /** Calls `onChange` after each change of the value, the first included. */
  constructor(
    private readonly files: FilesOf<T>,
    private readonly surroundings: FileDependencies,
    private readonly onChange: () => void,
  ) {
    const { paths, optionalPaths = [] } = files;
    this.state = new ChangingFiles([...paths, ...optionalPaths]);
  }

  get value(): T | undefined {
    return this.#value;
  }

  /** Why the last look brought no value; `undefined` when it did. */
  get refusal(): unknown {
    return this.#refusal;
  }

  /** Reads the files for the first time, and goes on looking at them. Never rejects. */
  async open(): Promise<void> {
    await this.look();
    if (!this.isClosed) this.stopWatching = this.surroundings.watch.add(() => this.look());
  }

  /** Discards the value. Safe to call twice. */
  close(): void {
    this.isClosed = true;
    this.stopWatching?.();
    this.take(undefined);
  }

  private async look(): Promise<void> {
    const haveChanged = await this.state.haveChanged();
    if (this.isClosed || (!haveChanged && this.surroundings.now() <= this.goodUntilMs)) return;
    try {
      await this.read();
    } catch (error) {
      this.refused(error);
    }
  }

  private async read(): Promise<void> {
    const { files, surroundings } = this;
    const { paths, optionalPaths = [] } = files;
    const read: (SmallFile | undefined)[] = [];
    try {
      for (const path of paths) read.push(await readSmallFile(path, secretFileOptions(path, surroundings.directories)));
      for (const path of optionalPaths) {
        read.push(await readIfThere(path, secretFileOptions(path, surroundings.directories)));
      }
      const contents = read.map((file) => file?.content);
      const leftOut = (problem: IdentityError) => this.complain('part of secret files left out', problem);
      const { value, goodUntilMs = Number.POSITIVE_INFINITY } = await files.parse(contents, {
        held: this.#value,
        leftOut,
      });
      this.goodUntilMs = goodUntilMs;
      this.#refusal = undefined;
      this.accept(value);
      await this.warnOfExposed([...paths, ...optionalPaths], read);
    } finally {
      for (const file of read) file?.content.fill(0);
    }
  }

  private accept(value: T): void {
    const { what, paths, isSame, discard } = this.files;
    const known = this.#value;
    if (this.isClosed || (known !== undefined && isSame(known, value))) {
      discard?.(value);
      return;
    }
    this.take(value);
    this.surroundings.log.info('secret files read', { [Field.resourceName]: what, [Field.path]: paths.join(' ') });
  }

  private take(value: T | undefined): void {
    const previous = this.#value;
    this.#value = value;
    if (value !== undefined) this.onChange();
    if (previous !== undefined) this.files.discard?.(previous);
  }

  private refused(error: unknown): void {
    // Whatever it was may have been the moment: it is tried again at each look.
    this.state.forget();
    this.#refusal = error;
    const isBare = this.#value === undefined;
    this.complain(isBare ? 'secret files refused' : 'secret files refused, the last good content stays', error);
  }

  private async warnOfExposed(paths: readonly string[], read: readonly (SmallFile | undefined)[]): Promise<void> {
    const { secretPaths = [], what } = this.files;
    for (const [index, path] of paths.entries()) {
      const mode = read[index]?.mode ?? 0;
      if (!secretPaths.includes(path) || !(await isReadableByAll(path, mode))) continue;
      const fields = { [Field.resourceName]: what, [Field.path]: path, [Field.detail]: `mode ${mode.toString(8)}` };
      this.surroundings.log.warn('secret file is readable for all users', fields);
    }
  }

  private complain(message: string, error: unknown): void {
    this.surroundings.log.warn(message, {
      [Field.resourceName]: this.files.what,
      [Field.path]: this.files.paths.join(' '),
      [Field.code]: errorCodeOf(error),
      [Field.error]: messageOf(error),
    });
  }
}

/** Far above any chain, bundle or CRL that Envoy is given for its handshakes. */
const MAX_FILE_BYTES = 1024 * 1024;

function secretFileOptions(path: string, places: FilePlaces): SmallFileOptions {
  const admit = places.admission(path);
  return { what: path, code: 'ERR_SECRET_FILE_INVALID', maxBytes: MAX_FILE_BYTES, admit };
}
