import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import { systemReason } from '../../system/small-files/index.js';
import {
  type Counter,
  Field,
  type Logger,
  Metric,
  type MetricRegistry,
  RateLimitedLogger,
} from '../../telemetry/index.js';
import { type Every, everyUnreferenced } from '../../timers/index.js';
import type { FileIdentity } from './socket-file.js';
import { judgePath, type PathState, type SeenAtPath, seenAt } from './socket-path-state.js';

export interface SocketGuardOptions {
  readonly path: string;
  /** What is known of the socket that is there now. */
  readonly ours: FileIdentity;
  /** Binds a new socket and renames it to the path. */
  readonly publish: () => Promise<FileIdentity>;
  /** Its owner calls {@link SocketGuard.look}: it watches nothing itself. */
  readonly isLookedAfter: boolean;
  readonly logger: Logger;
  readonly metrics?: MetricRegistry | undefined;
  readonly every?: Every | undefined;
}

/**
 * A directory is looked at when the kernel tells of a change in it, and as often in any case: links and mounts tell
 * nothing.
 */
const CHECK_MS = 5000;

/**
 * The socket is put back at most so often between two checks, whether that succeeds or not: each try changes the
 * directory, and a change brings about the next look.
 */
const MAX_TRIES = 20;

/** A process that fills the directory with files wakes us so often between two checks. */
const MAX_EVENTS = 1000;

/**
 * Watches the path of a socket that we listen on. A process that may write to its directory can put another socket
 * there, and is then told the tokens of all that connect. Such a one is replaced by a new socket of ours, and so is
 * none; an agent that has taken over is left alone from then on.
 */
export class SocketGuard {
  private readonly options: SocketGuardOptions;
  private readonly ownUid = process.geteuid?.() ?? 0;
  private readonly lost: Record<Exclude<PathState, 'ours'>, Counter> | undefined;
  private readonly stopChecks: () => void;
  private readonly log: RateLimitedLogger;
  private ours: FileIdentity;
  private watcher: FSWatcher | undefined;
  private tries = 0;
  private events = 0;
  private round: Promise<void> | undefined;
  private isDirty = false;
  private isOver = false;

  constructor(options: SocketGuardOptions) {
    this.options = options;
    this.ours = options.ours;
    this.log = new RateLimitedLogger(options.logger);
    const { metrics } = options;
    if (metrics !== undefined) {
      const counter = (reason: PathState): Counter => metrics.counter(Metric.socketLost, { reason });
      this.lost = { missing: counter('missing'), replaced: counter('replaced'), taken_over: counter('taken_over') };
    }
    const check = (): void => {
      this.tries = 0;
      this.events = 0;
      if (this.watcher === undefined) this.watch();
      this.look();
    };
    this.stopChecks = options.isLookedAfter ? () => {} : (options.every ?? everyUnreferenced)(CHECK_MS, check);
    this.watch();
    // What happened before there was a watch.
    this.look();
  }

  /**
   * Ends the watch. Resolves, when nothing is under way any more, with what our socket is known by. Safe to call twice.
   */
  async close(): Promise<FileIdentity> {
    this.end();
    await this.round;
    return this.ours;
  }

  private end(): void {
    this.isOver = true;
    this.stopChecks();
    this.unwatch();
  }

  /** Looks now; or once more, when it is looking. */
  look(): void {
    if (this.isOver) return;
    if (this.round !== undefined) {
      this.isDirty = true;
      return;
    }
    this.isDirty = false;
    this.round = this.check().finally(() => {
      this.round = undefined;
      if (this.isDirty) this.look();
    });
  }

  private async check(): Promise<void> {
    const { path } = this.options;
    try {
      const seen = await seenAt(path);
      const state = judgePath(seen, this.ours, this.ownUid);
      if (state === 'ours' || this.isOver) return;
      this.lost?.[state].add();
      if (state === 'taken_over') {
        this.log.warn('socket was taken over by another agent', { [Field.path]: path });
        this.end();
        return;
      }
      if (this.tries >= MAX_TRIES && !this.options.isLookedAfter) return;
      this.tries += 1;
      await this.restore(state, seen);
    } catch (error) {
      // Its directory has gone, too, which the owner of the path sees.
      if (this.options.isLookedAfter && (error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.log.error('socket cannot be put back', { [Field.path]: path, [Field.error]: systemReason(error) });
    }
  }

  private async restore(state: 'missing' | 'replaced', seen: SeenAtPath): Promise<void> {
    this.ours = await this.options.publish();
    this.watch();
    this.tell(state, seen);
  }

  private tell(state: 'missing' | 'replaced', seen: SeenAtPath): void {
    const fields = { [Field.path]: this.options.path };
    if (state === 'missing') this.log.warn('socket had been removed, and was put back', fields);
    else {
      const uid = seen.kind === 'file' ? seen.uid : undefined;
      // A person must find out who that is, and have the tokens renewed that it was told.
      this.log.error('socket had been replaced, and was put back', { ...fields, [Field.uid]: uid });
    }
  }

  /** Again when the socket was put back: the directory may be another. Without a watch the checks have to do. */
  private watch(): void {
    if (this.options.isLookedAfter) return;
    this.unwatch();
    try {
      this.watcher = watch(dirname(this.options.path), { persistent: false }, () => this.changed());
      this.watcher.on('error', () => this.unwatch());
    } catch {
      // There is no directory, or no watch left to be had. (inotify(7), max_user_watches)
    }
  }

  private unwatch(): void {
    this.watcher?.close();
    this.watcher = undefined;
  }

  private changed(): void {
    this.events += 1;
    if (this.events >= MAX_EVENTS) this.unwatch();
    this.look();
  }
}
