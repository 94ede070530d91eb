import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusAddressOption } from '../config/index.js';
import type { HotPathKind } from '../hotpath/index.js';
import type * as status from '../status/index.js';
import type { StatusServer, StatusServerOptions } from '../status/index.js';
import { Field, type Logger, type LogThreshold, Metric, type MetricRegistry } from '../telemetry/index.js';
import type { Teardown } from './running-app.js';
import { VERSION } from './version.js';

export interface StatusPageOptions {
  readonly hotPath: HotPathKind;
  readonly metrics: MetricRegistry;
  readonly logger: Logger;
  readonly threshold: LogThreshold | undefined;
  readonly teardown: Teardown;
  /** What revokes certificates, in a Citadel. */
  readonly revoking?: StatusServerOptions['revoking'];
  /**
   * Takes a socket from the process that serves on it. A port cannot be taken: while another process has it, the pages
   * wait, since a successor that fails for them would leave Envoys without an agent.
   */
  readonly takesOver?: boolean;
}

/** Between two tries for a port that the agent before this one still has. */
const RETRY_MS = 500;

/** Makes what an app adds to the pages that all have, by a room that is loaded only where there are pages. */
export type MakePage = (
  room: Pick<typeof status, 'agentStatus' | 'citadelStatus' | 'injectorStatus'>,
) => status.StatusPage;

/**
 * Opens the pages at `address`, if there is one; the end goes onto the teardown. To be called last, when the app
 * serves: until then, and while it drains, a probe that cannot connect knows enough, and nothing of this is in the way
 * of a start.
 * @throws IdentityError `ERR_LISTEN_FAILED`, `ERR_SOCKET_INVALID`, `ERR_SOCKET_IN_USE`.
 */
export async function openStatusPage(
  address: StatusAddressOption | undefined,
  makePage: MakePage,
  { hotPath, metrics, logger, threshold, teardown, revoking, takesOver = false }: StatusPageOptions,
): Promise<void> {
  if (address === undefined) return;
  const room = await import('../status/index.js');
  const { ProcessMetrics, startStatusServer } = room;
  const page = makePage(room);
  const { node = '', openssl = '' } = process.versions;
  metrics.gauge(Metric.buildInfo, { version: VERSION, node, openssl }).set(1);
  const ofProcess = new ProcessMetrics(metrics);
  teardown.add(() => ofProcess.close());
  const options = {
    ...{ address, takesOver, logger, threshold, revoking },
    content: {
      notReady: () => page.notReady(),
      metrics() {
        page.collect();
        ofProcess.collect();
        return metrics.series();
      },
      status: () => ({ version: VERSION, node, openssl, hot_path: hotPath, ...page.sections() }),
    },
  };
  const closing = new AbortController();
  const open = async (): Promise<StatusServer> => {
    const server = await startStatusServer(options);
    logger.info('status page open', { [Field.address]: server.address });
    return server;
  };
  const opened = open().catch((error: unknown) => {
    if (!takesOver || !isInUse(error)) throw error;
    logger.warn('status page waits for its address', { [Field.error]: String(error) });
    return undefined;
  });
  const later = (await opened) === undefined ? openWhenFree(open, closing.signal) : opened;
  later.catch((error: unknown) => logger.error('status page cannot be opened', { [Field.error]: String(error) }));
  teardown.add(async () => {
    closing.abort();
    const server = await later.catch(() => undefined);
    await server?.close();
  });
}

/** Resolves with `undefined` when `signal` aborts before the address is free. */
async function openWhenFree(open: () => Promise<StatusServer>, signal: AbortSignal): Promise<StatusServer | undefined> {
  while (!signal.aborted) {
    await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) break;
    try {
      return await open();
    } catch (error) {
      if (!isInUse(error)) throw error;
    }
  }
  return undefined;
}

/** Whether another process listens at the address. */
function isInUse(error: unknown): boolean {
  const { cause } = error as { cause?: NodeJS.ErrnoException };
  return cause?.code === 'EADDRINUSE';
}
