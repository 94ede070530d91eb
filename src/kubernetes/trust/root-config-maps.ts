import { CancelSource } from '../../cancellation/index.js';
import { errorCodeOf, IdentityError } from '../../errors/index.js';
import {
  type Counter,
  Field,
  type Gauge,
  type Logger,
  Metric,
  MetricRegistry,
  RateLimitedLogger,
} from '../../telemetry/index.js';
import { retryDelayMs, type ScheduledCall, type TimerClock, WallClockTimers } from '../../timers/index.js';
import { type ApiClient, type Following, followResource, type KubernetesObject, NAMESPACES } from '../api/index.js';
import {
  digestOf,
  needsRoots,
  ROOT_CONFIG_MAP,
  ROOT_COPIES,
  ROOT_KEY,
  ROOT_LABELS,
  type RootCopy,
} from './root-copy.js';

export interface RootConfigMapsOptions {
  readonly client: Pick<ApiClient, 'list' | 'watch' | 'patch'>;
  /** What to publish: roots in PEM. */
  readonly rootsPem: string;
  readonly logger: Logger;
  readonly metrics?: MetricRegistry | undefined;
  readonly clock: TimerClock;
  /** In [0, 1). */
  readonly random: () => number;
}

/** The roots in every namespace; kept so until it is closed. */
export interface RootConfigMaps {
  /** How many namespaces lack the roots; `undefined` before all of them are known. */
  readonly pending: number | undefined;
  /** How many namespaces are to have them. */
  readonly namespaces: number;
  /** From now on other roots. */
  publish(rootsPem: string): void;
  /** Safe to call twice; resolves when nothing is under way any more. */
  close(): Promise<void>;
}

/** Writes at a time: a cluster of ten thousand namespaces must not be flooded by a new root. */
const MAX_WRITES = 8;

/**
 * Before a write, by draw: of several replicas the first one writes, and the others see it meanwhile. All would write
 * the same.
 */
const SPREAD_MS = 300;

/** A copy that others change as often as we write it is a dispute about who owns it: each of our writes comes later. */
const DISPUTE_MS = 60_000;
const FIRST_DISPUTE_MS = 1000;

/** What {@link retryDelayMs} makes a cap of 30 s of. */
const REMAINING_MS = 300_000;

/**
 * Writes the ConfigMap `istio-ca-root-cert` into every namespace that lacks it, or has another state of it: those that
 * are there, new ones, and whenever a copy is changed or deleted. Nothing is written that is right already. Failures
 * are logged and tried again.
 */
export function publishRootConfigMaps(options: RootConfigMapsOptions): RootConfigMaps {
  return new Publisher(options);
}

/** What is under way for a namespace, and what went before. */
interface Work {
  /** A write that is planned. */
  call: ScheduledCall | undefined;
  isWriting: boolean;
  failures: number;
  /** Of our last write, in epoch milliseconds. */
  writtenAtMs: number;
  /** How often in a row others have changed what we had written shortly before. */
  disputes: number;
}

class Publisher implements RootConfigMaps {
  private readonly known = new Map<string, KubernetesObject>();
  private readonly copies = new Map<string, RootCopy>();
  private readonly work = new Map<string, Work>();
  private readonly waiting = new Set<string>();
  private readonly lacking = new Set<string>();
  private readonly following: readonly Following[];
  private readonly ending = new CancelSource();
  private readonly timers: WallClockTimers;
  private readonly log: RateLimitedLogger;
  private readonly written: Counter;
  private readonly lackingGauge: Gauge;
  private readonly writing = new Set<Promise<void>>();
  private rootsPem: string;
  private digest: string;
  private toSync = 2;
  private hasToldWhole = false;

  constructor(private readonly options: RootConfigMapsOptions) {
    const { clock, logger, metrics = new MetricRegistry(), rootsPem } = options;
    this.rootsPem = rootsPem;
    this.digest = digestOf(rootsPem);
    this.timers = new WallClockTimers(clock);
    this.log = new RateLimitedLogger(logger, clock.now);
    this.written = metrics.counter(Metric.rootCopiesWritten);
    this.lackingGauge = metrics.gauge(Metric.namespacesWithoutRoots);
    this.following = [this.followNamespaces(), this.followCopies()];
  }

  get pending(): number | undefined {
    return this.toSync > 0 ? undefined : this.lacking.size;
  }

  get namespaces(): number {
    return [...this.known.values()].filter((namespace) => needsRoots(namespace, undefined, this.digest)).length;
  }

  publish(rootsPem: string): void {
    this.rootsPem = rootsPem;
    this.digest = digestOf(rootsPem);
    for (const name of this.known.keys()) this.look(name);
  }

  async close(): Promise<void> {
    this.ending.cancel();
    this.timers.close();
    await Promise.all([...this.following.map((one) => one.close()), ...this.writing]);
  }

  private followNamespaces(): Following {
    const { client, logger, clock, random } = this.options;
    return followResource<KubernetesObject>({
      ...{ client, logger, clock, random, resource: NAMESPACES },
      observer: {
        onChange: (namespace) => {
          this.known.set(namespace.metadata.name, namespace);
          this.look(namespace.metadata.name);
        },
        onGone: ({ metadata: { name } }) => {
          this.known.delete(name);
          this.work.get(name)?.call?.cancel();
          this.work.delete(name);
          this.look(name);
        },
        onSynced: () => this.synced(),
      },
    });
  }

  private followCopies(): Following {
    const { client, logger, clock, random } = this.options;
    return followResource<RootCopy>({
      ...{ client, logger, clock, random, resource: ROOT_COPIES, fieldSelector: `metadata.name=${ROOT_CONFIG_MAP}` },
      observer: {
        onChange: (copy) => {
          this.copies.set(copy.metadata.namespace, copy);
          this.look(copy.metadata.namespace);
        },
        onGone: ({ metadata: { namespace } }) => {
          this.copies.delete(namespace);
          this.look(namespace);
        },
        onSynced: () => this.synced(),
      },
    });
  }

  private synced(): void {
    this.toSync -= 1;
    if (this.toSync > 0) return;
    for (const name of this.known.keys()) this.look(name);
    this.tellWhole();
  }

  /** Plans a write when the namespace needs one. Before all is known, what is missing may only not have been told. */
  private look(name: string): void {
    if (this.toSync > 0 || this.ending.isCancelled) return;
    const needs = needsRoots(this.known.get(name), this.copies.get(name), this.digest);
    if (needs) this.lacking.add(name);
    else this.lacking.delete(name);
    this.lackingGauge.set(this.lacking.size);
    if (!needs) return;
    const work = this.workOf(name);
    if (work.isWriting || work.call !== undefined) return;
    this.plan(name, work, this.pauseBefore(name, work));
  }

  private workOf(name: string): Work {
    const known = this.work.get(name);
    if (known !== undefined) return known;
    const work = { call: undefined, isWriting: false, failures: 0, writtenAtMs: Number.NEGATIVE_INFINITY, disputes: 0 };
    this.work.set(name, work);
    return work;
  }

  /** In milliseconds. Longer each time when others change what we write. */
  private pauseBefore(name: string, work: Work): number {
    const spreadMs = this.options.random() * SPREAD_MS;
    if (work.writtenAtMs === Number.NEGATIVE_INFINITY) return spreadMs;
    const sinceMs = this.options.clock.now() - work.writtenAtMs;
    work.disputes = sinceMs < DISPUTE_MS ? work.disputes + 1 : 0;
    this.log.warn(
      'roots of a namespace were changed or deleted by others, put right',
      { [Field.namespace]: name, [Field.count]: work.disputes },
      name,
    );
    return work.disputes <= 1 ? spreadMs : Math.min(DISPUTE_MS, FIRST_DISPUTE_MS * 2 ** (work.disputes - 2)) + spreadMs;
  }

  private plan(name: string, work: Work, delayMs: number): void {
    work.call = this.timers.schedule(this.options.clock.now() + delayMs, () => {
      work.call = undefined;
      this.waiting.add(name);
      this.writeNext();
    });
  }

  private writeNext(): void {
    for (const name of this.waiting) {
      if (this.writing.size >= MAX_WRITES) return;
      this.waiting.delete(name);
      if (!needsRoots(this.known.get(name), this.copies.get(name), this.digest)) continue;
      const write = this.write(name, this.workOf(name)).finally(() => {
        this.writing.delete(write);
        this.writeNext();
      });
      this.writing.add(write);
    }
  }

  /** Never rejects. */
  private async write(name: string, work: Work): Promise<void> {
    work.isWriting = true;
    let retryMs: number | undefined;
    try {
      const place = { namespace: name, name: ROOT_CONFIG_MAP };
      const fields = { metadata: { labels: ROOT_LABELS }, data: { [ROOT_KEY]: this.rootsPem } };
      const copy = await this.options.client.patch('apply', ROOT_COPIES, place, fields, { signal: this.ending });
      this.copies.set(name, copy);
      work.failures = 0;
      work.writtenAtMs = this.options.clock.now();
      this.written.add();
    } catch (error) {
      if (this.ending.isCancelled) return;
      retryMs = this.retryAfter(name, work, error);
    } finally {
      work.isWriting = false;
    }
    if (retryMs === undefined) this.look(name);
    else if (this.work.get(name) === work) this.plan(name, work, retryMs);
    this.tellWhole();
  }

  private retryAfter(name: string, work: Work, error: unknown): number {
    const code = errorCodeOf(error);
    const kind = code === 'ERR_KUBERNETES_UNAVAILABLE' ? 'away' : 'refused';
    const notSoonerMs = error instanceof IdentityError ? (error.retryAfterMs ?? 0) : 0;
    const failed = { kind, failures: work.failures, remainingMs: REMAINING_MS, notSoonerMs } as const;
    work.failures += 1;
    // One that is deleted just now refuses all that is new; its end is told by the watch.
    if (code !== 'ERR_KUBERNETES_NOT_FOUND') {
      this.log.warn(
        'roots cannot be written into a namespace, tried again',
        {
          [Field.namespace]: name,
          [Field.code]: code,
          [Field.error]: error instanceof Error ? error.message : String(error),
        },
        code,
      );
    }
    return retryDelayMs(failed, this.options.random());
  }

  private tellWhole(): void {
    if (this.hasToldWhole || this.pending !== 0) return;
    this.hasToldWhole = true;
    this.log.info('roots are in every namespace', { [Field.count]: this.namespaces });
  }
}
