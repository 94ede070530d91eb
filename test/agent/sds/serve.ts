import { join } from 'node:path';
import type { Test } from 'tap';
import { createSdsServer, MAX_REQUEST_BYTES } from '../../../src/agent/sds/index.js';
import { createGrpcServer } from '../../../src/net/grpc/index.js';
import type { Wire } from '../../../src/net/http2/index.js';
import { listenUnix } from '../../../src/net/transport/index.js';
import { type LogFields, type Logger, MetricRegistry, silentLogger } from '../../../src/telemetry/index.js';
import { openDeltaClient } from '../../support/delta-client.js';
import { FakeSecretSource } from '../../support/fake-secret-source.js';
import { openSdsClient } from '../../support/sds-client.js';
import { shortDir } from '../../support/short-dir.js';

export interface LoggedLine {
  readonly message: string;
  readonly fields: LogFields;
}

/** The names that metrics and status call by their name. */
export const LABELLED = ['default', 'ROOTCA'];

/** An SDS server on a Unix socket, with what it warned of, a clock and a ticker that the test moves. */
export async function serveSds(
  t: Test,
  { via = 'addon', tellsRemovals = true }: { via?: 'addon' | 'node'; tellsRemovals?: boolean } = {},
) {
  const source = new FakeSecretSource();
  const warnings: LoggedLine[] = [];
  const errors: LoggedLine[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (message, fields = {}) => warnings.push({ message, fields }),
    error: (message, fields = {}) => errors.push({ message, fields }),
  };
  const metrics = new MetricRegistry();
  const clock = { nowMs: 1_000_000, tick: (): void => {} };
  const server = createGrpcServer({
    logger: silentLogger,
    maxReceiveBytes: MAX_REQUEST_BYTES,
    maxConcurrentStreams: 100_000,
  });
  const sds = createSdsServer({
    server,
    source,
    logger,
    controlPlaneIdentifier: 'sidecert-test',
    ...{ metrics, labelledNames: LABELLED, tellsRemovals },
    now: () => clock.nowMs,
    every: (_periodMs, act) => {
      clock.tick = act;
      return () => {
        clock.tick = () => {};
      };
    },
  });
  const path = join(shortDir(t), 's.sock');
  const onWire = (wire: Wire) => server.attach(wire);
  const listener = await listenUnix({ path, mode: 0o600, backlog: 4096, via, onWire, logger: silentLogger });
  t.teardown(async () => {
    await listener.close();
    await sds.endAllStreams();
    await server.close(0);
  });
  return {
    ...{ path, source, sds, warnings, errors, clock, server, metrics },
    connect: () => openSdsClient(t, path),
    connectDelta: () => openDeltaClient(t, path),
  };
}
