import { type FSWatcher, watch } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { basename } from 'node:path';
import { systemReason } from '../../system/small-files/index.js';
import { Field, type Logger } from '../../telemetry/index.js';
import { chainOf, type PathChain } from './path-chain.js';

/**
 * File systems whose files others change without this kernel's knowledge: NFS, CIFS, SMB2, FUSE, 9p, Ceph, AFS.
 * (statfs(2), linux/magic.h)
 */
const REMOTE_FILE_SYSTEMS = new Set([0x6969, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997, 0x00c36400, 0x5346414f]);

/** Every name in a directory, or a file itself. */
const ANY_NAME = '';

/** A way that goes on changing while watches are set up is set up again by what the change has told. */
const MAX_ROUNDS = 3;

/**
 * A directory that is filled with other files wakes us so often before its watch ends; then files are looked at
 * instead, until watches are set up again. Each event costs some microseconds.
 */
const MAX_FOREIGN_EVENTS = 10_000;

type WatchPath = (
  path: string,
  options: { readonly persistent: boolean },
  listener: (event: string, name: string | null) => void,
) => FSWatcher;

interface Watched {
  readonly watcher: FSWatcher;
  readonly state: string;
  readonly users: WatchUsers;
  foreignEvents: number;
}

/**
 * Who wants to hear of which names in a directory. A directory has thousands of users where each has a name of its own
 * in it, and an event is for one of them.
 */
class WatchUsers {
  private readonly namesOf = new Map<PathWatch, ReadonlySet<string>>();
  private readonly byName = new Map<string, Set<PathWatch>>();

  get size(): number {
    return this.namesOf.size;
  }

  all(): PathWatch[] {
    return [...this.namesOf.keys()];
  }

  of(name: string): PathWatch[] {
    return [...(this.byName.get(name) ?? []), ...(this.byName.get(ANY_NAME) ?? [])];
  }

  /** In place of the names that the user has had. */
  set(user: PathWatch, names: ReadonlySet<string>): void {
    this.delete(user);
    this.namesOf.set(user, names);
    for (const name of names) {
      const users = this.byName.get(name);
      if (users === undefined) this.byName.set(name, new Set([user]));
      else users.add(user);
    }
  }

  /** Whether it was one. */
  delete(user: PathWatch): boolean {
    for (const name of this.namesOf.get(user) ?? []) {
      const users = this.byName.get(name);
      users?.delete(user);
      if (users?.size === 0) this.byName.delete(name);
    }
    return this.namesOf.delete(user);
  }
}

/** The names that matter, by the path of their directory, and what tells that directory from another one. */
type Wanted = Map<string, WantedNames>;

interface WantedNames {
  readonly state: string;
  readonly names: Set<string>;
}

/**
 * What the kernel tells of directories and files, by their paths; each is watched once, however many want it. All
 * watches of a process are of one inotify instance. (libuv, uv_fs_event)
 */
export class PathWatches {
  private readonly watched = new Map<string, Watched>();
  private readonly toldCodes = new Set<string | undefined>();

  /** `logger` gets a line for each reason why a path cannot be watched. `watchPath` is that of `node:fs`. */
  constructor(
    private readonly logger: Logger,
    private readonly watchPath: WatchPath = watch,
  ) {}

  /** Calls `onEvent` when something may have changed on the way to one of the paths. Armed by {@link PathWatch.arm}. */
  open(paths: readonly string[], onEvent: () => void): PathWatch {
    return new PathWatch(this, paths, onEvent);
  }

  /** For a {@link PathWatch}: whether `path` has been watched, is from now on, or cannot be. */
  enter(user: PathWatch, path: string, { state, names }: WantedNames): 'known' | 'new' | 'failed' {
    const known = this.watched.get(path);
    if (known?.state === state) {
      known.users.set(user, names);
      return 'known';
    }
    // Another directory is there now: those who wanted the old one are told by the change of its parent, too.
    const users = known?.users ?? new WatchUsers();
    users.set(user, names);
    known?.watcher.close();
    this.watched.delete(path);
    try {
      const watcher = this.watchPath(path, { persistent: false }, (event, name) => this.changed(path, event, name));
      watcher.on('error', () => this.drop(path));
      this.watched.set(path, { watcher, state, users, foreignEvents: 0 });
      return 'new';
    } catch (error) {
      for (const one of users.all()) if (one !== user) one.lost();
      this.failed(path, error);
      return 'failed';
    }
  }

  /** For a {@link PathWatch}. */
  leave(user: PathWatch, path: string): void {
    const known = this.watched.get(path);
    if (known === undefined || !known.users.delete(user) || known.users.size > 0) return;
    known.watcher.close();
    this.watched.delete(path);
  }

  private changed(path: string, event: string, name: string | null): void {
    const known = this.watched.get(path);
    if (known === undefined) return;
    // What happens to the directory itself is told under its own name.
    const isOwn = name === null || name === basename(path);
    // It has gone, or has another name: another one at this path may even have its inode number.
    const isGone = isOwn && event === 'rename';
    if (isGone) {
      this.drop(path);
      return;
    }
    const concerned = isOwn ? known.users.all() : known.users.of(name);
    for (const user of concerned) user.tell();
    if (concerned.length > 0) return;
    known.foreignEvents += 1;
    if (known.foreignEvents >= MAX_FOREIGN_EVENTS) this.drop(path);
  }

  private failed(path: string, error: unknown): void {
    const { code } = error as NodeJS.ErrnoException;
    // What has gone meanwhile is no failure: its parent tells of that.
    if (code === 'ENOENT' || this.toldCodes.has(code)) return;
    this.toldCodes.add(code);
    this.logger.warn('files cannot be watched, and are looked at once a second', {
      [Field.path]: path,
      [Field.error]: systemReason(error),
    });
  }

  private drop(path: string): void {
    const known = this.watched.get(path);
    if (known === undefined) return;
    known.watcher.close();
    this.watched.delete(path);
    for (const user of known.users.all()) user.lost();
  }
}

/** The watches on the way to some files. Its opener closes it. */
export class PathWatch {
  private wanted: Wanted = new Map();
  private isClosed = false;
  /** Whether the kernel tells of every change on the way, as far as is known. */
  isComplete = false;

  /** As {@link PathWatches.open}. */
  constructor(
    private readonly all: PathWatches,
    private readonly paths: readonly string[],
    private readonly onEvent: () => void,
  ) {}

  /**
   * Watches every directory on the ways as they lead now, and the files at their ends: a file that is mounted by itself
   * is changed elsewhere. What is read after that changes no more without an event, if {@link isComplete}.
   */
  async arm(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS && !this.isClosed; round++) {
      const chains = await Promise.all(this.paths.map(chainOf));
      const wanted = wantedBy(chains);
      if (this.isClosed || (round > 0 && isSame(wanted, this.wanted))) return;
      for (const path of this.wanted.keys()) if (!wanted.has(path)) this.all.leave(this, path);
      this.wanted = wanted;
      // Each of them, so that one that fails keeps none of the others out.
      const entered = [...wanted].map(([path, names]) => this.all.enter(this, path, names));
      this.isComplete = !entered.includes('failed') && (await areLocal(chains));
      // Between the look at a directory and its watch another one may have come to its place.
      if (!entered.includes('new')) return;
    }
  }

  /** Safe to call twice. */
  close(): void {
    this.isClosed = true;
    for (const path of this.wanted.keys()) this.all.leave(this, path);
    this.wanted.clear();
  }

  /** For {@link PathWatches}: something that it watches has changed. */
  tell(): void {
    this.onEvent();
  }

  /** For {@link PathWatches}: one of the watches has ended. */
  lost(): void {
    this.isComplete = false;
    this.onEvent();
  }
}

function wantedBy(chains: readonly PathChain[]): Wanted {
  const wanted: Wanted = new Map();
  const add = (path: string, state: string, name: string): void => {
    const known = wanted.get(path);
    if (known === undefined) wanted.set(path, { state, names: new Set([name]) });
    else known.names.add(name);
  };
  for (const { steps, end } of chains) {
    for (const { directory, state, name } of steps) add(directory, state, name);
    if (end !== undefined) add(end.path, end.state, ANY_NAME);
  }
  return wanted;
}

function isSame(one: Wanted, other: Wanted): boolean {
  return one.size === other.size && [...one].every(([path, { state }]) => other.get(path)?.state === state);
}

/** Judged by where the files themselves lie, which is what is written to. */
async function areLocal(chains: readonly PathChain[]): Promise<boolean> {
  const places = new Set(chains.flatMap(({ steps, end }) => end?.path ?? steps.at(-1)?.directory ?? []));
  const kinds = await Promise.all([...places].map((path) => statfs(path).catch(() => undefined)));
  return kinds.every((kind) => kind === undefined || !REMOTE_FILE_SYSTEMS.has(kind.type));
}
