import type { CancelSignal } from '../../cancellation/index.js';
import {
  type Counter,
  Field,
  type Gauge,
  type Logger,
  Metric,
  MetricRegistry,
  RateLimitedLogger,
} from '../../telemetry/index.js';
import type { TimerClock } from '../../timers/index.js';
import { type ApiClient, type Following, followResource, type KubernetesObject, NAMESPACES } from '../api/index.js';
import { Healing } from './healing.js';
import {
  digestOf,
  needsRoots,
  ROOT_CONFIG_MAP,
  ROOT_COPIES,
  ROOT_KEY,
  ROOT_LABELS,
  type RootCopy,
} from './root-copy.js';

export interface PublishOptions {
  readonly client: Pick<ApiClient, 'list' | 'watch' | 'patch' | 'raw'>;
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

/**
 * Writes the ConfigMap `istio-ca-root-cert` into every namespace that lacks it, or has another state of it: those that
 * are there, new ones, and whenever a copy is changed or deleted. Nothing is written that is right already. Failures
 * are logged and tried again.
 */
export function publishRootConfigMaps(options: PublishOptions): RootConfigMaps {
  return new Publisher(options);
}

class Publisher implements RootConfigMaps {
  private readonly known = new Map<string, KubernetesObject>();
  private readonly copies = new Map<string, RootCopy>();
  private readonly lacking = new Set<string>();
  private readonly hasWritten = new Set<string>();
  private readonly following: readonly Following[];
  private readonly healing: Healing;
  private readonly log: RateLimitedLogger;
  private readonly written: Counter;
  private readonly lackingGauge: Gauge;
  private rootsPem: string;
  private digest: string;
  /** Lists that have not been read yet: of namespaces, and of copies. */
  private toSync = 2;
  private hasToldWhole = false;

  constructor(private readonly options: PublishOptions) {
    const { clock, logger, random, metrics = new MetricRegistry(), rootsPem } = options;
    this.rootsPem = rootsPem;
    this.digest = digestOf(rootsPem);
    this.log = new RateLimitedLogger(logger, clock.now);
    this.written = metrics.counter(Metric.rootCopiesWritten);
    this.lackingGauge = metrics.gauge(Metric.namespacesWithoutRoots);
    this.healing = new Healing({
      ...{ clock, logger, random },
      needsWrite: (name) => this.needsWrite(name),
      write: (name, signal) => this.write(name, signal),
      fieldsOf: (name) => ({ [Field.namespace]: name }),
    });
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
    await Promise.all([...this.following.map((one) => one.close()), this.healing.close()]);
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
          this.hasWritten.delete(name);
          this.healing.forget(name);
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
          const { namespace } = copy.metadata;
          // The answer to our own write has come before the watch told of an earlier one.
          if (isOlder(copy, this.copies.get(namespace))) return;
          this.copies.set(namespace, copy);
          this.look(namespace);
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
    for (const name of this.known.keys()) this.assess(name);
    this.tellWhole();
  }

  /** Before all is known, what is missing may only not have been told. */
  private look(name: string): void {
    if (this.toSync > 0) return;
    this.assess(name);
    this.tellWhole();
  }

  private assess(name: string): void {
    if (this.needsWrite(name)) this.lacking.add(name);
    else this.lacking.delete(name);
    this.lackingGauge.set(this.lacking.size);
    this.healing.look(name);
  }

  private needsWrite(name: string): boolean {
    return needsRoots(this.known.get(name), this.copies.get(name), this.digest);
  }

  private async write(name: string, signal: CancelSignal): Promise<void> {
    if (this.copies.has(name) && !this.hasWritten.has(name)) {
      // Those of an istiod in the same cluster, say, whose workloads will then trust us instead.
      this.log.warn('a namespace had other roots, which are replaced', { [Field.namespace]: name }, 'replaced');
    }
    const place = { namespace: name, name: ROOT_CONFIG_MAP };
    const fields = { metadata: { labels: ROOT_LABELS }, data: { [ROOT_KEY]: this.rootsPem } };
    this.copies.set(name, await this.options.client.patch('apply', ROOT_COPIES, place, fields, { signal }));
    this.written.add();
    this.hasWritten.add(name);
    this.look(name);
  }

  private tellWhole(): void {
    if (this.hasToldWhole || this.pending !== 0) return;
    this.hasToldWhole = true;
    this.options.logger.info('roots are in every namespace', { [Field.count]: this.namespaces });
  }
}

/** Versions are opaque, but for this: those of one resource are whole numbers that grow. (Kubernetes KEP-5504) */
function isOlder(copy: RootCopy, known: RootCopy | undefined): boolean {
  if (known === undefined || copy.metadata.uid !== known.metadata.uid) return false;
  const [version, knownVersion] = [copy, known].map(({ metadata }) => Number(metadata.resourceVersion));
  return version !== undefined && knownVersion !== undefined && version < knownVersion;
}
