import {
  chmod,
  chown,
  type FileHandle,
  lstat,
  mkdtemp,
  open,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  statfs,
  symlink,
} from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { ISTIO_IDENTITY_FILES, makeDirectory, pathError } from '../../system/small-files/index.js';
import { namedContents, type SvidFiles } from './svid-files.js';

/** Whose the files become; what is left out stays as the system makes it. */
export interface OutputOwner {
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

export interface OutputDirectoryOptions {
  /** Permission bits of the files, without any for others. */
  readonly mode: number;
  readonly owner?: OutputOwner | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** The link to the directory that counts, as the kubelet calls it. (Kubernetes, "atomic_writer.go") */
const CURRENT = '..data';

/** `..2026_11_30_22_40_05.Xy12ab`, as the kubelet names its directories, but for what makes the name unique. */
const GENERATION = /^\.\.\d{4}(?:_\d\d){5}\.[A-Za-z0-9]{6}$/;
const TEMPORARY_LINK = /^\.\.link\.[A-Za-z0-9]{6}$/;

/** Names are no secret. The directories in it, which have the key, are closed to others. */
const DIRECTORY_MODE = 0o755;

/** TMPFS_MAGIC and RAMFS_MAGIC. (statfs(2)) */
const MEMORY_FILE_SYSTEMS = [0x01021994, 0x858458f6];

/** Far above what it takes to write three files and to switch to them. */
const LEFT_AFTER_MS = 60_000;

/** To `chown`: this one stays as it is. (chown(2)) */
const UNCHANGED = -1;

/**
 * A directory with the files of one SVID, switched together, as the kubelet does it with a volume: they are written
 * into a directory of their own; then one rename replaces the link `..data`, through which all names lead. A reader
 * that follows `..data` once and reads all files there never has those of two SVIDs.
 */
export class OutputDirectory {
  readonly path: string;

  constructor(
    path: string,
    private readonly options: OutputDirectoryOptions,
  ) {
    // The process may leave its working directory later.
    this.path = resolve(path);
  }

  /**
   * Switches to these files, and removes those before. What fails leaves the files that were there.
   * @throws IdentityError `ERR_OUTPUT_FAILED` with the system's reason.
   */
  async write(files: SvidFiles): Promise<void> {
    try {
      await makeDirectory(this.path, DIRECTORY_MODE);
      const generation = await this.newGeneration(files);
      const previous = await this.current();
      await this.link(basename(generation), CURRENT, generation);
      for (const name of Object.values(ISTIO_IDENTITY_FILES)) await this.link(join(CURRENT, name), name, generation);
      await this.removeOld(previous);
    } catch (error) {
      throw pathError('ERR_OUTPUT_FAILED', `output directory ${this.path}`, error, 'a directory that can be written');
    }
  }

  /** Whether every name still leads to a file. Never rejects. */
  async isComplete(): Promise<boolean> {
    const areFiles = Object.values(ISTIO_IDENTITY_FILES).map((name) =>
      stat(join(this.path, name)).then(
        (state) => state.isFile(),
        () => false,
      ),
    );
    return !(await Promise.all(areFiles)).includes(false);
  }

  /** Whether it lies in memory and not on a disk, as far as the system tells. Never rejects. */
  async isInMemory(): Promise<boolean> {
    return statfs(this.path).then(
      ({ type }) => MEMORY_FILE_SYSTEMS.includes(type),
      () => false,
    );
  }

  /** A directory with all files, which only the agent can enter until they have their final owner and mode. */
  private async newGeneration(files: SvidFiles): Promise<string> {
    // mkdtemp: mode 0700, and no other process has the same one.
    const generation = await mkdtemp(join(this.path, `..${timestamp(this.options.now())}.`));
    try {
      for (const [name, content] of namedContents(files)) await this.writeFile(join(generation, name), content);
      await this.give(generation, searchable(this.options.mode));
      return generation;
    } catch (error) {
      await rm(generation, { recursive: true, force: true }).catch(() => {});
      throw error;
    }
  }

  private async writeFile(path: string, content: Buffer): Promise<void> {
    const file: FileHandle = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(content);
      // The rename must not be on the disk before the content, which a power failure would show as empty files.
      await file.sync();
    } finally {
      await file.close();
    }
    await this.give(path, this.options.mode);
  }

  /** The group first: with the mode first, the agent's own group could read what is meant for another one. */
  private async give(path: string, mode: number): Promise<void> {
    const { uid, gid } = this.options.owner ?? {};
    if (gid !== undefined) await chown(path, UNCHANGED, gid);
    await chmod(path, mode);
    if (uid !== undefined) await chown(path, uid, UNCHANGED);
  }

  /** Has `name` lead to `target`, in one step, also where a file has the name. */
  private async link(target: string, name: string, generation: string): Promise<void> {
    const path = join(this.path, name);
    if ((await readlink(path).catch(() => undefined)) === target) return;
    const temporary = join(this.path, `..link${generation.slice(-'.123456'.length)}`);
    await symlink(target, temporary);
    try {
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
  }

  /** What `..data` leads to now. */
  private current(): Promise<string | undefined> {
    return readlink(join(this.path, CURRENT)).catch(() => undefined);
  }

  /**
   * The directory that was replaced, and what a killed process has left. One that another agent is about to switch to,
   * in a takeover, has to stay: its link would lead nowhere.
   */
  private async removeOld(previous: string | undefined): Promise<void> {
    const [names, current] = [await readdir(this.path), await this.current()];
    for (const name of names) {
      if (name === current || !(GENERATION.test(name) || TEMPORARY_LINK.test(name))) continue;
      const path = join(this.path, name);
      if (name === previous || (await this.isLeft(path))) await rm(path, { recursive: true, force: true });
    }
  }

  private async isLeft(path: string): Promise<boolean> {
    const state = await lstat(path).catch(() => undefined);
    return state !== undefined && state.mtimeMs < this.options.now() - LEFT_AFTER_MS;
  }
}

/** A directory whose files may be read must be one that can be entered. */
function searchable(fileMode: number): number {
  return 0o700 | ((fileMode & 0o444) >> 2) | (fileMode & 0o044);
}

/** In UTC, as the kubelet writes it: `2026_11_30_22_40_05`. */
function timestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 'yyyy-mm-ddThh:mm:ss'.length).replaceAll(/[-T:]/g, '_');
}
