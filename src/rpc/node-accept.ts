import type { Server } from 'node:net';
import { Field, type Logger } from '../telemetry/index.js';

/** Resolves when `server` listens; rejects with the reason why it cannot. */
export function listening(
  server: Server,
  where: { path: string; backlog: number } | { host: string; port: number; backlog: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/**
 * An accept that fails (EMFILE, ENFILE, ENOBUFS) is an `error` event of the server, which would end the process if nobody heard it.
 * Said once until an accept succeeds again: the same peer comes back within milliseconds.
 */
export function surviveAcceptErrors(server: Server, logger: Logger): void {
  let isFailing = false;
  server.on('error', (error) => {
    if (!isFailing) logger.error('connection could not be accepted', { [Field.error]: error.message });
    isFailing = true;
  });
  server.on('connection', () => {
    isFailing = false;
  });
}
