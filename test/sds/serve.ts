import { join } from 'node:path';
import type { Test } from 'tap';
import type { Wire } from '../../src/http2/index.js';
import { createFramedServer, listenUnix } from '../../src/rpc/index.js';
import { createSdsServer, MAX_REQUEST_BYTES } from '../../src/sds/index.js';
import { type LogFields, type Logger, silentLogger } from '../../src/telemetry/index.js';
import { FakeSecretSource } from '../support/fake-secret-source.js';
import { openSdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';

export interface LoggedLine {
  readonly message: string;
  readonly fields: LogFields;
}

/** An SDS server on a Unix socket, with what it warned of, a clock and a ticker that the test moves. */
export async function serveSds(t: Test, { via = 'addon' }: { via?: 'addon' | 'node' } = {}) {
  const source = new FakeSecretSource();
  const warnings: LoggedLine[] = [];
  const logger: Logger = { ...silentLogger, warn: (message, fields = {}) => warnings.push({ message, fields }) };
  const clock = { nowMs: 1_000_000, tick: (): void => {} };
  const server = createFramedServer({
    logger: silentLogger,
    maxReceiveBytes: MAX_REQUEST_BYTES,
    maxConcurrentStreams: 100_000,
  });
  const sds = createSdsServer({
    server,
    source,
    logger,
    controlPlaneIdentifier: 'sidecert-test',
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
    sds.endAllStreams();
    await server.close(0);
  });
  return { path, source, sds, warnings, clock, server, connect: () => openSdsClient(t, path) };
}
