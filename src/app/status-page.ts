import type { StatusAddress } from '../config/index.js';
import type { HotPathKind } from '../hotpath/index.js';
import type { JsonValue } from '../status/index.js';
import { Field, type Logger, Metric, type MetricRegistry } from '../telemetry/index.js';
import type { Teardown } from './running-app.js';
import { VERSION } from './version.js';

/** What an app adds to the pages that all have. */
export interface StatusPage {
  /** Why it cannot serve yet, for people; `undefined` when it can. */
  notReady(): string | undefined;
  /** Brings its gauges up to now. */
  collect(): void;
  /** Its sections of `/status`, by name. */
  sections(): Readonly<Record<string, JsonValue>>;
}

export interface StatusPageOptions {
  readonly hotPath: HotPathKind;
  readonly metrics: MetricRegistry;
  readonly logger: Logger;
  readonly teardown: Teardown;
}

/**
 * Opens the pages at `address`, if there is one; the end goes onto the teardown. To be called last, when the app serves:
 * until then, and while it drains, a probe that finds nobody knows enough, and nothing of this is in the way of a start.
 * @throws IdentityError `ERR_LISTEN_FAILED`, `ERR_SOCKET_INVALID`, `ERR_SOCKET_IN_USE`.
 */
export async function openStatusPage(
  address: StatusAddress | undefined,
  page: StatusPage,
  { hotPath, metrics, logger, teardown }: StatusPageOptions,
): Promise<void> {
  if (address === undefined) return;
  const { ProcessMetrics, startStatusServer } = await import('../status/index.js');
  const { node = '', openssl = '' } = process.versions;
  metrics.gauge(Metric.buildInfo, { version: VERSION, node, openssl }).set(1);
  const ofProcess = new ProcessMetrics(metrics);
  teardown.add(() => ofProcess.close());
  const server = await startStatusServer({
    address,
    content: {
      notReady: () => page.notReady(),
      metrics() {
        page.collect();
        ofProcess.collect();
        return metrics.series();
      },
      status: () => ({ version: VERSION, node, openssl, hot_path: hotPath, ...page.sections() }),
    },
    logger,
  });
  teardown.add(() => server.close());
  logger.info('status page open', { [Field.address]: server.address });
}
