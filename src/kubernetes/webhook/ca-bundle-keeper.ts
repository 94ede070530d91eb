import { type CancelSignal, CancelSource } from '../../cancellation/index.js';
import { type ErrorCode, errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import { Field, type Logger, Metric, type MetricRegistry, RateLimitedLogger } from '../../telemetry/index.js';
import { retryDelayMs, sleep, type TimerClock } from '../../timers/index.js';
import { type ApiClient, type Following, followResource } from '../api/index.js';
import { hasRoots, type OwnRoots, type SeenRoots, type WantedBundle, wantedBundle } from './ca-bundle.js';
import { caBundleFields, WEBHOOK_CONFIGURATIONS, type WebhookConfiguration } from './webhook-configuration.js';

export interface CaBundleKeeperOptions {
  readonly client: Pick<ApiClient, 'list' | 'watch' | 'patch'>;
  /** Of the MutatingWebhookConfiguration. */
  readonly name: string;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly clock: TimerClock;
  /** In [0, 1). */
  readonly random: () => number;
}

/** How it stands. */
export interface CaBundleStatus {
  /** `unknown`: not read yet. `absent`: there is no such configuration. `stale`: it is being written, or cannot be. */
  readonly state: 'unknown' | 'absent' | 'stale' | 'written';
  /** Why the last write failed, if it did. */
  readonly failure: { readonly code: ErrorCode; readonly message: string } | undefined;
  /** Names that our certificate must have. */
  readonly hosts: readonly string[];
}

/** Half of them on average, after a failure of the API server. */
const RETRY_CAP_MS = 5000;

/** What {@link retryDelayMs} takes for that. */
const REMAINING_MS = RETRY_CAP_MS * 10;

/**
 * Keeps our roots in the `caBundle` of every webhook of one configuration: writes them when they change, and again when
 * another has changed them. Several replicas may do so at once: they write the same. Failures are logged and tried
 * again for ever. The owner closes it.
 */
export class CaBundleKeeper {
  private readonly following: Following;
  private readonly closing = new CancelSource();
  private readonly log: RateLimitedLogger;
  private configuration: WebhookConfiguration | undefined;
  private isRead = false;
  private own: OwnRoots | undefined;
  private seen: SeenRoots = new Map();
  private failure: CaBundleStatus['failure'];
  /** While it writes; a change meanwhile is looked at afterwards. */
  private running: Promise<void> | undefined;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly options: CaBundleKeeperOptions) {
    const { client, name, logger, clock, random } = options;
    this.log = new RateLimitedLogger(logger, clock.now);
    this.following = followResource({
      ...{ client, resource: WEBHOOK_CONFIGURATIONS, fieldSelector: `metadata.name=${name}`, logger, clock, random },
      observer: {
        onChange: (configuration) => this.changed(configuration),
        onGone: () => this.gone(),
        onSynced: () => {
          this.isRead = true;
          if (this.configuration === undefined) this.gone();
        },
      },
    });
  }

  /** From now on these are our roots. */
  setRoots(own: OwnRoots): void {
    this.own = own;
    this.look();
  }

  get status(): CaBundleStatus {
    const { configuration, failure } = this;
    const hosts = [...new Set((configuration?.webhooks ?? []).flatMap(({ host }) => host ?? []))];
    return { state: this.state(), failure, hosts };
  }

  /**
   * Resolves when the configuration has all our roots, or there is none, and when `signal` is cancelled. Never rejects.
   */
  async written(signal: CancelSignal): Promise<void> {
    while (!signal.isCancelled && !this.closing.isCancelled && (this.state() === 'stale' || !this.isRead)) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          this.waiting.delete(end);
          signal.delete(waiter);
          resolve();
        };
        const waiter = { cancel: end };
        this.waiting.add(end);
        signal.add(waiter);
      });
    }
  }

  /** Safe to call twice; resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.closing.cancel();
    this.wake();
    await this.following.close();
    await this.running;
  }

  private state(): CaBundleStatus['state'] {
    if (!this.isRead) return 'unknown';
    if (this.configuration === undefined) return 'absent';
    const { own, configuration } = this;
    return own !== undefined && isWritten(configuration, this.wanted(configuration, own)) ? 'written' : 'stale';
  }

  private changed(configuration: WebhookConfiguration): void {
    this.configuration = configuration;
    this.isRead = true;
    this.look();
  }

  private gone(): void {
    this.configuration = undefined;
    const { logger, name } = this.options;
    logger.warn('webhook configuration is not there, no pod is injected', { [Field.resourceName]: name });
    this.wake();
  }

  private look(): void {
    this.running ??= this.run().finally(() => {
      this.running = undefined;
      this.wake();
    });
  }

  private wake(): void {
    for (const end of this.waiting) end();
  }

  private wanted({ webhooks }: WebhookConfiguration, own: OwnRoots): WantedBundle {
    const present = webhooks.map(({ caBundle }) => caBundle);
    return wantedBundle(present, own, this.seen, this.options.clock.now());
  }

  /** Writes until all is as it should be. Never rejects. */
  private async run(): Promise<void> {
    for (let failures = 0; !this.closing.isCancelled; ) {
      // What came in one turn of the event loop is one change.
      await undefined;
      const { configuration, own } = this;
      if (configuration === undefined || own === undefined) return;
      const wanted = this.wanted(configuration, own);
      this.seen = wanted.seen;
      if (isWritten(configuration, wanted)) return;
      try {
        await this.write(configuration, wanted);
        failures = 0;
      } catch (error) {
        if (this.closing.isCancelled) return;
        await this.recover(error, failures);
        failures += 1;
      }
    }
  }

  private async write(configuration: WebhookConfiguration, { bundle }: WantedBundle): Promise<void> {
    const { client, name, logger, metrics } = this.options;
    let code: ErrorCode | 'OK' = 'OK';
    try {
      const fields = caBundleFields(configuration, bundle.toPem());
      const written = await client.patch('apply', WEBHOOK_CONFIGURATIONS, { name }, fields, { signal: this.closing });
      // What was told meanwhile is newer than what we have changed; the watch tells of ours, too.
      if (this.configuration === configuration) this.configuration = written;
      this.failure = undefined;
      logger.info('ca bundle written', { [Field.resourceName]: name, [Field.bundleSize]: bundle.size });
    } catch (error) {
      code = errorCodeOf(error);
      throw error;
    } finally {
      metrics.counter(Metric.caBundleWrites, { code }).add();
    }
  }

  private async recover(error: unknown, failures: number): Promise<void> {
    const { name, clock, random } = this.options;
    const code = errorCodeOf(error);
    const message = messageOf(error);
    this.failure = { code, message };
    this.log.warn('ca bundle cannot be written, tried again', {
      ...{ [Field.resourceName]: name, [Field.code]: code, [Field.error]: message },
    });
    const notSoonerMs = error instanceof IdentityError ? (error.retryAfterMs ?? 0) : 0;
    // Refusals, too: the configuration or our role may have been changed a moment ago.
    const delayMs = retryDelayMs({ kind: 'away', failures, remainingMs: REMAINING_MS, notSoonerMs }, random());
    await sleep(delayMs, [this.closing], clock);
  }
}

function isWritten({ webhooks }: WebhookConfiguration, { bundle }: WantedBundle): boolean {
  return webhooks.every(({ caBundle }) => hasRoots(caBundle, bundle));
}
