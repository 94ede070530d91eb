import type { Socket } from 'node:net';
import { Field, type Logger } from '../telemetry/index.js';
import { peerUser } from './peer-user.js';
import { isOwnName, plain, type StatusAnswer, type StatusRequest } from './status-pages.js';

/**
 * Why a request may change nothing; the user who asks when it may. That is the user of this process, or root, whom the
 * kernel names. A web page cannot ask for a change: a browser asks first whether it may PUT, and there is no answer to
 * that; and a name that leads here is refused, whatever address is listened on.
 */
export async function whoChanges(
  { host, hasBody }: Pick<StatusRequest, 'host' | 'hasBody'>,
  socket: Socket,
  logger: Pick<Logger, 'debug'>,
): Promise<{ readonly uid: number } | StatusAnswer> {
  if (hasBody) return plain(413, 'no body, please');
  if (host === undefined || !isOwnName(host)) return plain(421, 'ask by address or as localhost');
  const own = process.geteuid?.();
  const user = await peerUser(socket);
  if (user.kind === 'known' && (user.uid === own || user.uid === 0)) return user;
  const refusal =
    user.kind === 'unknown'
      ? `not allowed: ${user.reason}`
      : `not allowed: got user ${user.uid}, expected user ${own} of this process, or root`;
  logger.debug('change by the status page refused', { [Field.reason]: refusal });
  return plain(403, refusal);
}
