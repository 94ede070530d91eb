import { closeSync, openSync } from 'node:fs';
import type { Server } from 'node:net';
import { Field, type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import { everyUnreferenced } from '../../timers/index.js';

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

/** How often a server asks whether there are descriptors left. */
const DESCRIPTOR_CHECK_MS = 5000;

/**
 * Says that `server` cannot accept, once a minute: the same peer comes back within milliseconds. ENFILE,
 * ENOBUFS and their like are an `error` event, which would end the process without a listener. Of a process without
 * descriptors no peer is told: libuv keeps one back and closes every newcomer with it (`uv__emfile_trick`). So that is
 * asked for.
 */
export function watchAccepts(server: Server, logger: Logger): void {
  const log = new RateLimitedLogger(logger);
  const failed = (error: string): void => {
    log.error('connection could not be accepted', { [Field.error]: error });
  };
  const stopChecks = everyUnreferenced(DESCRIPTOR_CHECK_MS, () => {
    const shortage = descriptorShortage();
    if (shortage !== undefined) failed(shortage);
  });
  server.on('error', (error) => failed(error.message));
  server.once('close', stopChecks);
}

/** What the system says when there is no descriptor left, for this process or for any. (open(2)) */
function descriptorShortage(): 'EMFILE' | 'ENFILE' | undefined {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EMFILE' || code === 'ENFILE' ? code : undefined;
  }
}
