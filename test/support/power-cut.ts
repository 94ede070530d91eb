import {
  type Dirent,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/**
 * One step on a disk. Files are numbers, as inodes are: their names come and go by themselves. Paths are below the
 * directory that is watched.
 */
export type DiskStep =
  | { readonly kind: 'create'; readonly path: string; readonly file: number }
  | { readonly kind: 'write'; readonly file: number; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly file: number; readonly size: number }
  | { readonly kind: 'sync'; readonly file: number }
  | { readonly kind: 'sync directory'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'make directory'; readonly path: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  /** What the program has promised by now. */
  | { readonly kind: 'promise'; readonly text: string };

/** What a disk may have of content that was not synced. */
const CONTENTS = ['all', 'none', 'half', 'zeros'] as const;

type Content = (typeof CONTENTS)[number];

/** A file by its number, a link by its target, or a directory. */
type Entry = { readonly file: number } | { readonly target: string } | 'directory';

/** How a disk may look after a power cut. */
export interface CutDisk {
  /** Where it is, for whoever starts again. */
  readonly directory: string;
  readonly promises: readonly string[];
  /** The step before which the power went, for messages. */
  readonly cut: string;
}

/**
 * What a program does to a directory, step by step, and how that may look when the power goes between any two of the
 * steps. What was synced is there. Of the rest: names come to the disk in the order in which they were changed, as many
 * as may be; content is there, or not, or half of it, or zeros in its place. A name is synced by its directory alone.
 * (POSIX, fsync; what file systems with a journal do more is not relied on)
 */
export class RecordedDisk {
  readonly steps: DiskStep[] = [];
  private readonly before = new Map<string, Entry>();
  /** The content at the beginning, which is on the disk. */
  private readonly contents = new Map<number, Buffer>();
  /** As they are now. */
  private readonly names = new Map<string, number>();
  private files = 0;

  /** Whether a new file's name is synced with it, as ext4, XFS and Btrfs do; what is not ours relies on that. */
  keepsNamesOfFiles = false;

  constructor(private readonly root: string) {
    const look = (place: string): void => {
      for (const entry of readdirSync(join(root, place), { withFileTypes: true })) {
        const path = join(place, entry.name);
        this.before.set(path, this.entryOf(path, entry));
        if (entry.isDirectory()) look(path);
      }
    };
    look('');
  }

  private entryOf(path: string, entry: Dirent): Entry {
    if (entry.isDirectory()) return 'directory';
    if (entry.isSymbolicLink()) return { target: readlinkSync(join(this.root, path)) };
    const file = this.newFile(path);
    this.contents.set(file, readFileSync(join(this.root, path)));
    return { file };
  }

  private newFile(path: string): number {
    this.files += 1;
    this.names.set(path, this.files);
    return this.files;
  }

  /** Below the directory that is watched; `undefined` of what is elsewhere, and of itself `''`. */
  pathOf(path: unknown): string | undefined {
    const whole = resolve(String(path));
    if (whole === this.root) return '';
    return whole.startsWith(`${this.root}/`) ? whole.slice(this.root.length + 1) : undefined;
  }

  /** The number of a file that is opened, which is made if it was not there. */
  opened(path: string, wasThere = this.names.has(path)): number {
    const known = this.names.get(path);
    if (wasThere && known !== undefined) return known;
    const file = this.newFile(path);
    this.steps.push({ kind: 'create', path, file });
    return file;
  }

  renamed(from: string, to: string): void {
    this.names.delete(to);
    for (const [path, file] of [...this.names]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      this.names.delete(path);
      this.names.set(`${to}${path.slice(from.length)}`, file);
    }
    this.steps.push({ kind: 'rename', from, to });
  }

  removed(path: string): void {
    this.names.delete(path);
    this.steps.push({ kind: 'remove', path });
  }

  promise(text: string): void {
    this.steps.push({ kind: 'promise', text });
  }

  /** Each way in which the disk may look after a cut, once; the directory is there as long as `check` takes. */
  async eachCut(check: (disk: CutDisk) => Promise<void>): Promise<number> {
    const seen = new Set<string>();
    for (let cut = 0; cut <= this.steps.length; cut += 1) {
      const promises = this.steps.slice(0, cut).flatMap((step) => (step.kind === 'promise' ? [step.text] : []));
      for (const kept of this.keptNames(cut)) {
        for (const content of CONTENTS) {
          const state = this.stateAt(cut, kept, content);
          const key = `${promises.length} ${keyOf(state)}`;
          if (seen.has(key)) continue;
          seen.add(key);
          const directory = mkdtempSync(join(PLACE, 'sc-cut-'));
          try {
            write(state, directory);
            const told = `before step ${cut} of ${this.steps.length} (${toldOf(this.steps[cut])}), with names to step ${kept}, content: ${content}`;
            await check({ directory, promises, cut: told });
          } finally {
            rmSync(directory, { recursive: true });
          }
        }
      }
    }
    return seen.size;
  }

  /** How many steps' changes of names may be on the disk, beside those that are synced. */
  private keptNames(cut: number): number[] {
    if (this.keepsNamesOfFiles) return [0, cut];
    const changes = this.steps.slice(0, cut).flatMap((step, index) => (parentsOf(step).length > 0 ? [index + 1] : []));
    return [0, ...changes];
  }

  private stateAt(cut: number, kept: number, content: Content): Map<string, Buffer | Entry> {
    const entries = new Map(this.before);
    const now = new Map(this.contents);
    const synced = new Map(this.contents);
    for (const [index, step] of this.steps.slice(0, cut).entries()) {
      const parents = parentsOf(step);
      if (parents.length > 0) {
        const isSynced = parents.every((parent) => this.isSynced(parent, index, cut));
        const isKept = index < kept || isSynced || (this.keepsNamesOfFiles && this.isFileSynced(step, index, cut));
        if (isKept) change(entries, step);
      } else if (step.kind === 'write') {
        now.set(step.file, written(now.get(step.file), step));
      } else if (step.kind === 'truncate') {
        now.set(step.file, resized(now.get(step.file) ?? NOTHING, step.size));
      } else if (step.kind === 'sync') {
        synced.set(step.file, now.get(step.file) ?? NOTHING);
      }
    }
    const state = new Map<string, Buffer | Entry>();
    for (const [path, entry] of entries) {
      const isFile = typeof entry === 'object' && 'file' in entry;
      state.set(path, isFile ? mixed(synced.get(entry.file), now.get(entry.file), content) : entry);
    }
    return state;
  }

  private isFileSynced(created: DiskStep, from: number, to: number): boolean {
    return this.steps.some(
      (step, index) =>
        index > from && index < to && step.kind === 'sync' && created.kind === 'create' && step.file === created.file,
    );
  }

  private isSynced(directory: string, from: number, to: number): boolean {
    return this.steps.some(
      (step, index) => index > from && index < to && step.kind === 'sync directory' && step.path === directory,
    );
  }
}

/** Disks by the hundred, which are synced for nothing: in memory where there is such a place. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const NOTHING = Buffer.alloc(0);

/** The directories whose names a step changes. */
function parentsOf(step: DiskStep): string[] {
  switch (step.kind) {
    case 'create':
    case 'remove':
    case 'symlink':
    case 'make directory':
      return [parentOf(step.path)];
    case 'rename':
      return [parentOf(step.from), parentOf(step.to)];
    default:
      return [];
  }
}

function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === '.' ? '' : parent;
}

function change(entries: Map<string, Entry>, step: DiskStep): void {
  switch (step.kind) {
    case 'create':
      put(entries, step.path, { file: step.file });
      break;
    case 'symlink':
      put(entries, step.path, { target: step.target });
      break;
    case 'make directory':
      put(entries, step.path, 'directory');
      break;
    case 'remove':
      entries.delete(step.path);
      break;
    case 'rename':
      for (const [path, entry] of [...entries].sort()) {
        if (path !== step.from && !path.startsWith(`${step.from}/`)) continue;
        entries.delete(path);
        put(entries, `${step.to}${path.slice(step.from.length)}`, entry);
      }
      break;
    default:
      break;
  }
}

/** In a directory that was lost nothing is kept. */
function put(entries: Map<string, Entry>, path: string, entry: Entry | undefined): void {
  const parent = parentOf(path);
  if (entry !== undefined && (parent === '' || entries.get(parent) === 'directory')) entries.set(path, entry);
}

function written(before: Buffer = NOTHING, { at, bytes }: { at: number; bytes: Buffer }): Buffer {
  const after = Buffer.alloc(Math.max(before.length, at + bytes.length));
  before.copy(after);
  bytes.copy(after, at);
  return after;
}

function resized(before: Buffer, size: number): Buffer {
  const after = Buffer.alloc(size);
  before.copy(after);
  return after;
}

function mixed(synced: Buffer = NOTHING, now: Buffer = NOTHING, content: Content): Buffer {
  switch (content) {
    case 'all':
      return now;
    case 'none':
      return synced;
    case 'half': {
      const half = Buffer.from(now.subarray(0, synced.length + Math.ceil((now.length - synced.length) / 2)));
      // Of what was written over, every other sector.
      for (let at = 512; at < Math.min(half.length, synced.length); at += 1024) synced.copy(half, at, at, at + 512);
      return half;
    }
    case 'zeros':
      return resized(synced.subarray(0, now.length), now.length);
    default:
      return content satisfies never;
  }
}

function keyOf(state: ReadonlyMap<string, Buffer | Entry>): string {
  const told = [...state].map(([path, entry]) => [path, Buffer.isBuffer(entry) ? entry.toString('latin1') : entry]);
  return JSON.stringify(told.sort());
}

function write(state: ReadonlyMap<string, Buffer | Entry>, directory: string): void {
  for (const path of [...state.keys()].sort()) {
    const [place, entry] = [join(directory, path), state.get(path)];
    if (entry === 'directory') mkdirSync(place, { mode: 0o700 });
    else if (Buffer.isBuffer(entry)) writeFileSync(place, entry, { mode: 0o600 });
    else if (entry !== undefined && 'target' in entry) symlinkSync(entry.target, place);
  }
}

function toldOf(step: DiskStep | undefined): string {
  if (step === undefined) return 'none';
  const { kind, ...rest } = step;
  return `${kind} ${Object.values(rest)
    .filter((value) => typeof value === 'string')
    .join(' ')}`;
}

/** Runs `act` while each step that it takes below `directory` by `node:fs/promises` is written down. */
export async function recordDisk(
  directory: string,
  act: (promise: (text: string) => void) => Promise<void>,
): Promise<RecordedDisk> {
  const disk = new RecordedDisk(directory);
  const real = { ...fs };
  Object.assign(fs, recording(disk, real));
  syncBuiltinESMExports();
  try {
    await act((text) => disk.promise(text));
  } finally {
    Object.assign(fs, real);
    syncBuiltinESMExports();
  }
  return disk;
}

type Calls = Pick<typeof fs, 'open' | 'rename' | 'unlink' | 'rmdir' | 'mkdir' | 'symlink' | 'rm'>;

/** The calls of `node:fs/promises` that change a disk. What is called after the fact is there already. */
function recording(disk: RecordedDisk, real: typeof fs): Calls {
  const unlink: typeof fs.unlink = async (path) => {
    await real.unlink(path);
    tell(path, (below) => disk.removed(below));
  };
  const rmdir: typeof fs.rmdir = async (path) => {
    await real.rmdir(path);
    tell(path, (below) => disk.removed(below));
  };
  const tell = (path: unknown, then: (below: string) => void): void => {
    const below = disk.pathOf(path);
    if (below !== undefined) then(below);
  };
  /** One step for each name, the innermost first. */
  const removeTree = async (path: string): Promise<void> => {
    const state = await real.lstat(path);
    if (!state.isDirectory()) return unlink(path);
    for (const name of await real.readdir(path)) await removeTree(join(path, name));
    await rmdir(path);
  };
  return {
    unlink,
    rmdir,
    async open(path, flags, mode) {
      const wasThere = await real.lstat(path).then(
        () => true,
        () => false,
      );
      const handle = await real.open(path, flags, mode);
      const below = disk.pathOf(path);
      return below === undefined ? handle : recordedHandle(disk, handle, { below, wasThere });
    },
    async rename(from, to) {
      await real.rename(from, to);
      tell(from, (below) => tell(to, (target) => disk.renamed(below, target)));
    },
    mkdir: (async (path: string, options?: { recursive?: boolean }) => {
      const made = await real.mkdir(path, options);
      const isNew = options?.recursive === true ? made !== undefined : true;
      if (isNew) tell(path, (below) => disk.steps.push({ kind: 'make directory', path: below }));
      return made;
    }) as typeof fs.mkdir,
    async symlink(target, path, type) {
      await real.symlink(target, path, type);
      tell(path, (below) => disk.steps.push({ kind: 'symlink', path: below, target: String(target) }));
    },
    async rm(path, options) {
      try {
        await removeTree(String(path));
      } catch (error) {
        if (!(options?.force === true && (error as NodeJS.ErrnoException).code === 'ENOENT')) throw error;
      }
    },
  };
}

function recordedHandle(
  disk: RecordedDisk,
  handle: FileHandle,
  { below, wasThere }: { below: string; wasThere: boolean },
): Promise<FileHandle> {
  const wrap = (sync: DiskStep | undefined, file: number): FileHandle => {
    let position = 0;
    const wrote = (at: number, bytes: Buffer): void => {
      disk.steps.push({ kind: 'write', file, at, bytes: Buffer.from(bytes) });
    };
    const own: Partial<Record<keyof FileHandle, unknown>> = {
      async sync() {
        await handle.sync();
        if (sync !== undefined) disk.steps.push(sync);
      },
      async datasync() {
        await handle.datasync();
        if (sync !== undefined) disk.steps.push(sync);
      },
      async truncate(size = 0) {
        await handle.truncate(size);
        disk.steps.push({ kind: 'truncate', file, size });
      },
      async write(bytes: Buffer, from = 0, length = bytes.length - from, at = position) {
        const result = await handle.write(bytes, from, length, at);
        wrote(at, bytes.subarray(from, from + result.bytesWritten));
        position = at + result.bytesWritten;
        return result;
      },
      async writeFile(content: Buffer) {
        await handle.writeFile(content);
        wrote(position, Buffer.from(content));
        position += content.length;
      },
    };
    return new Proxy(handle, {
      get(target, name) {
        const mine = own[name as keyof FileHandle];
        if (mine !== undefined) return mine;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  return handle.stat().then((state) => {
    if (state.isDirectory()) return wrap({ kind: 'sync directory', path: below }, 0);
    const file = disk.opened(below, wasThere);
    return wrap({ kind: 'sync', file }, file);
  });
}
