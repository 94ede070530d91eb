import { CancelSource } from '../../cancellation/index.js';
import { errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import { Field, type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import { type FailureKind, retryDelayMs, type TimerClock, WallClockTimers, waitUntil } from '../../timers/index.js';
import type { ApiClient, ListOptions } from './api-client.js';
import type { KubernetesObject, Resource } from './resource.js';

/** Told of each object of a resource, and of what becomes of it. */
export interface ResourceObserver<T> {
  /** It is there, or has changed. */
  onChange(object: T): void;
  /** It is no longer there; as it was. */
  onGone(object: T): void;
  /** All that was there at the start has been told. Once. */
  onSynced?(): void;
}

export interface FollowOptions<T extends KubernetesObject> extends Omit<ListOptions, 'signal'> {
  readonly client: Pick<ApiClient, 'list' | 'watch'>;
  readonly resource: Resource<T>;
  readonly observer: ResourceObserver<T>;
  readonly logger: Logger;
  readonly clock: TimerClock;
  /** In [0, 1). */
  readonly random: () => number;
}

/** A resource that is being followed. */
export interface Following {
  /** Safe to call twice; resolves when nothing is under way any more. */
  close(): Promise<void>;
}

/** A watch that the server, or a proxy before it, ends at once is not opened again sooner. */
const MIN_WATCH_MS = 1000;

/** Between two tries, an API server that is away is asked every 2.5 s on average. */
const CAP_MS = 5000;

/** What {@link retryDelayMs} takes for {@link CAP_MS}. */
const REMAINING_MS = CAP_MS * 10;

/**
 * Tells `observer` of every object of a resource: first of all that are there, then of each change, for as long as it
 * is not closed. After a gap (the server was away, or no longer has the version that we know) all are read again, and
 * what has gone meanwhile is told, too. Failures are logged and tried again for ever.
 */
export function followResource<T extends KubernetesObject>(options: FollowOptions<T>): Following {
  const follower = new Follower(options);
  const running = follower.run();
  return {
    async close() {
      follower.stop();
      await running;
    },
  };
}

class Follower<T extends KubernetesObject> {
  private readonly objects = new Map<string, T>();
  private readonly ending = new CancelSource();
  private readonly timers: WallClockTimers;
  private readonly log: RateLimitedLogger;
  /** Of the last state that has been told; `undefined` when all has to be read. */
  private resourceVersion: string | undefined;
  private isSynced = false;
  private failures = 0;

  constructor(private readonly options: FollowOptions<T>) {
    this.timers = new WallClockTimers(options.clock);
    this.log = new RateLimitedLogger(options.logger, options.clock.now);
  }

  stop(): void {
    this.ending.cancel();
    this.timers.close();
  }

  /** Never rejects. */
  async run(): Promise<void> {
    while (!this.ending.isCancelled) {
      const startedAtMs = this.options.clock.now();
      try {
        this.resourceVersion ??= await this.readAll();
        await this.watch(this.resourceVersion);
        this.failures = 0;
        await this.wait(startedAtMs + MIN_WATCH_MS);
      } catch (error) {
        if (this.ending.isCancelled) return;
        const isExpired = errorCodeOf(error) === 'ERR_KUBERNETES_EXPIRED';
        // What was told may have been told wrongly: only a list is a safe place to begin from.
        if (isExpired || errorCodeOf(error) === 'ERR_KUBERNETES_RESPONSE_INVALID') this.resourceVersion = undefined;
        await (isExpired ? this.wait(startedAtMs + MIN_WATCH_MS) : this.recover(error));
      }
    }
  }

  private get selection(): Omit<ListOptions, 'signal'> {
    const { namespace, fieldSelector, labelSelector } = this.options;
    return { namespace, fieldSelector, labelSelector };
  }

  private async readAll(): Promise<string> {
    const { client, resource, observer } = this.options;
    const { items, resourceVersion } = await client.list(resource, { ...this.selection, signal: this.ending });
    this.failures = 0;
    const there = new Set(items.map(keyOf));
    for (const [key, object] of this.objects) {
      if (there.has(key)) continue;
      this.objects.delete(key);
      observer.onGone(object);
    }
    for (const object of items) this.change(object);
    if (!this.isSynced) observer.onSynced?.();
    this.isSynced = true;
    return resourceVersion;
  }

  private watch(resourceVersion: string): Promise<void> {
    const { client, resource, observer } = this.options;
    const { ending: signal } = this;
    return client.watch(resource, { ...this.selection, resourceVersion, signal }, (event) => {
      this.failures = 0;
      this.resourceVersion = event.resourceVersion;
      if (event.type === 'BOOKMARK') return;
      if (event.type !== 'DELETED') this.change(event.object);
      else if (this.objects.delete(keyOf(event.object))) observer.onGone(event.object);
    });
  }

  private change(object: T): void {
    const key = keyOf(object);
    const known = this.objects.get(key);
    this.objects.set(key, object);
    if (
      known?.metadata.resourceVersion === object.metadata.resourceVersion &&
      known.metadata.uid === object.metadata.uid
    )
      return;
    this.options.observer.onChange(object);
  }

  private async recover(error: unknown): Promise<void> {
    const { clock, random, resource } = this.options;
    const notSoonerMs = error instanceof IdentityError ? (error.retryAfterMs ?? 0) : 0;
    const failed = { kind: kindOf(error), failures: this.failures, remainingMs: REMAINING_MS, notSoonerMs };
    const delayMs = retryDelayMs(failed, random());
    this.failures += 1;
    this.log.warn('kubernetes resource cannot be followed, tried again', {
      [Field.resourceName]: resource.plural,
      [Field.code]: errorCodeOf(error),
      [Field.error]: messageOf(error),
    });
    await this.wait(clock.now() + delayMs);
  }

  private wait(untilMs: number): Promise<void> {
    return waitUntil(this.timers, untilMs, this.ending);
  }
}

function kindOf(error: unknown): FailureKind {
  switch (errorCodeOf(error)) {
    case 'ERR_KUBERNETES_OVERLOADED':
      return 'overloaded';
    case 'ERR_KUBERNETES_UNAVAILABLE':
      return 'away';
    default:
      return 'refused';
  }
}

function keyOf({ metadata: { namespace, name } }: KubernetesObject): string {
  return `${namespace}/${name}`;
}
