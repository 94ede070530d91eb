import { createHash } from 'node:crypto';
import { errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
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
  /** Where it is, for the log; left out, the paths are told. */
  readonly where?: string;
  /** Nothing works without: a refusal is an error when no value is held, or when it has stood for a while. */
  readonly isVital?: boolean;
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
  /** Told of each look that was refused. */
  readonly onRefused?: (error: unknown) => void;
}

/**
 * So often files are read that are swapped while they are read: the process that writes them is done within a moment.
 */
const MAX_READS = 3;

/** Looks, one a second, after which a refusal is no update under way any more. */
const UPDATE_LOOKS = 10;

/**
 * The value of some files, made again when one of them has changed. They are read together and judged together: what
 * was swapped while it was read is read again, and what cannot be read or is refused does not replace what was good.
 */
export class ReloadedFiles<T> {
  #value: T | undefined;
  #refusal: unknown;
  #refusedLooks = 0;
  #goodAtMs: number | undefined;
  /** Of the files that made the value. */
  private goodHash: string | undefined;
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

  /** How many looks in a row were refused. */
  get refusedLooks(): number {
    return this.#refusedLooks;
  }

  /** When the files were last read whole and found good, in epoch milliseconds. */
  get goodAtMs(): number | undefined {
    return this.#goodAtMs;
  }

  /** Reads the files for the first time, and goes on looking at them. Never rejects. */
  async open(): Promise<void> {
    await this.look();
    if (this.isClosed) return;
    const { paths, optionalPaths = [] } = this.files;
    const wishes = { paths: [...paths, ...optionalPaths], dueMs: () => this.dueMs() };
    // What changes between that read and the watch is found by the look that the watch begins with.
    this.stopWatching = this.surroundings.watch.add((isForced) => this.look(isForced), wishes);
  }

  /** Discards the value. Safe to call twice. */
  close(): void {
    this.isClosed = true;
    this.stopWatching?.();
    this.take(undefined);
  }

  /** A refusal may be an update under way: then there is something to see soon, whatever is told of changes. */
  private dueMs(): number {
    const isUpdate = this.#refusedLooks > 0 && this.#refusedLooks < UPDATE_LOOKS;
    return isUpdate ? Number.NEGATIVE_INFINITY : this.goodUntilMs + 1;
  }

  private async look(isForced = false): Promise<void> {
    if (isForced) this.state.forget();
    const nowMs = this.surroundings.now();
    const haveChanged = await this.state.haveChanged(nowMs);
    if (this.isClosed || (!haveChanged && nowMs <= this.goodUntilMs)) return;
    try {
      await this.read(nowMs);
    } catch (error) {
      this.refused(error);
    }
  }

  private async read(nowMs: number): Promise<void> {
    const { files } = this;
    const read = await this.readWhole();
    try {
      const hash = hashOf(read);
      const isNew = hash !== this.goodHash;
      if (isNew || nowMs > this.goodUntilMs) await this.parse(read.map((file) => file?.content));
      this.goodHash = hash;
      this.#goodAtMs = nowMs;
      this.#refusal = undefined;
      this.#refusedLooks = 0;
      if (isNew) await this.warnOfExposed([...files.paths, ...(files.optionalPaths ?? [])], read);
    } finally {
      wipe(read);
    }
  }

  /** All files, none of which has changed between the first that was read and the last. */
  private async readWhole(): Promise<readonly (SmallFile | undefined)[]> {
    const { paths, optionalPaths = [] } = this.files;
    const { directories } = this.surroundings;
    for (let count = 0; count < MAX_READS; count++) {
      const read: (SmallFile | undefined)[] = [];
      let isWhole = false;
      try {
        for (const path of paths) read.push(await readSmallFile(path, secretFileOptions(path, directories)));
        for (const path of optionalPaths) read.push(await readIfThere(path, secretFileOptions(path, directories)));
        isWhole = !(await this.state.haveChanged());
      } finally {
        if (!isWhole) wipe(read);
      }
      if (isWhole) return read;
    }
    throw new IdentityError('ERR_SECRET_FILE_INVALID', 'got files that change all the time, expected ones that stay');
  }

  private async parse(contents: readonly (Buffer | undefined)[]): Promise<void> {
    const leftOut = (problem: IdentityError) => this.complain('warn', 'part of secret files left out', problem);
    const { value, goodUntilMs = Number.POSITIVE_INFINITY } = await this.files.parse(contents, {
      held: this.#value,
      leftOut,
    });
    this.goodUntilMs = goodUntilMs;
    this.accept(value);
  }

  private accept(value: T): void {
    const { what, isSame, discard } = this.files;
    const known = this.#value;
    if (this.isClosed || (known !== undefined && isSame(known, value))) {
      discard?.(value);
      return;
    }
    this.take(value);
    this.surroundings.log.info('secret files read', { [Field.resourceName]: what, [Field.path]: this.where });
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
    this.#refusedLooks += 1;
    const isBare = this.#value === undefined;
    const isError = this.files.isVital === true && (isBare || this.#refusedLooks >= UPDATE_LOOKS);
    const message = isBare ? 'secret files refused' : 'secret files refused, the last good content stays';
    this.complain(isError ? 'error' : 'warn', message, error);
    this.files.onRefused?.(error);
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

  private get where(): string {
    return this.files.where ?? this.files.paths.join(' ');
  }

  private complain(level: 'warn' | 'error', message: string, error: unknown): void {
    this.surroundings.log[level](message, {
      [Field.resourceName]: this.files.what,
      [Field.path]: this.where,
      [Field.code]: errorCodeOf(error),
      [Field.error]: messageOf(error),
    });
  }
}

function wipe(read: readonly (SmallFile | undefined)[]): void {
  for (const file of read) file?.content.fill(0);
}

/** Of contents and modes. A file that is missing differs from one that is empty. */
function hashOf(read: readonly (SmallFile | undefined)[]): string {
  const hash = createHash('sha256');
  for (const file of read) hash.update(`${file?.mode} ${file?.content.length} `).update(file?.content ?? '');
  return hash.digest('base64');
}

/** Far above any chain, bundle or CRL that Envoy is given for its handshakes. */
const MAX_FILE_BYTES = 1024 * 1024;

function secretFileOptions(path: string, places: FilePlaces): SmallFileOptions {
  const admit = places.admission(path);
  return { what: path, code: 'ERR_SECRET_FILE_INVALID', maxBytes: MAX_FILE_BYTES, admit };
}
