import { stat } from 'node:fs/promises';
import { Field, type Logger } from '../../telemetry/index.js';
import type { WallClockTimers } from '../../timers/index.js';

/** An Envoy connects within a second of its start, and a pod starts both within seconds. */
const PATIENCE_MS = 60_000;

interface UnusedSocketOptions {
  readonly path: string;
  /** How many streams there are now. */
  readonly streams: () => number;
  readonly timers: WallClockTimers;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
}

/**
 * Says once, a minute from now, when no Envoy has a stream. The kernel tells an agent nothing of a connect that it
 * denies: the line has who may connect.
 */
export function warnOfUnusedSocket({ path, streams, timers, now, logger }: UnusedSocketOptions): void {
  timers.schedule(now() + PATIENCE_MS, () => {
    if (streams() > 0) return;
    void stat(path).then(
      ({ mode, uid, gid }) => {
        const octal = (mode & 0o7777).toString(8).padStart(4, '0');
        logger.warn('no envoy has asked on the socket', {
          [Field.path]: path,
          [Field.detail]: `mode ${octal}, uid ${uid}, gid ${gid}: others may not connect; docs/troubleshooting.md#no-envoy`,
        });
      },
      // A socket that has gone has a line of its own.
      () => {},
    );
  });
}
