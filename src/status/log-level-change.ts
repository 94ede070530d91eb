import type { Socket } from 'node:net';
import { Field, LOG_LEVELS, type Logger, type LogLevel, type LogThreshold } from '../telemetry/index.js';
import { whoChanges } from './own-user.js';
import { plain, type StatusAnswer, type StatusRequest } from './status-pages.js';

/** What `PUT /log-level/LEVEL?seconds=N` asks for. */
interface LogLevelChange {
  readonly level: LogLevel | 'configured';
  readonly forMs: number | undefined;
}

/** Reads one; `undefined` for another target. Of a day at most. */
function readLogLevelChange(target: string): LogLevelChange | undefined {
  const [, level, seconds] = /^\/log-level\/([a-z]+)(?:\?seconds=([1-9]\d{0,4}))?$/.exec(target) ?? [];
  const known = [...LOG_LEVELS, 'configured' as const].find((one) => one === level);
  if (known === undefined || Number(seconds ?? 0) > 86_400) return undefined;
  return { level: known, forMs: seconds === undefined ? undefined : Number(seconds) * 1000 };
}

export interface LogControl {
  readonly threshold: LogThreshold;
  readonly logger: Logger;
}

/** Answers a PUT that changes the level of the log, for the user of this process and for root alone. */
export async function changeLogLevel(
  { target, ...request }: StatusRequest,
  socket: Socket,
  { threshold, logger }: LogControl,
): Promise<StatusAnswer> {
  const change = readLogLevelChange(target);
  if (change === undefined)
    return plain(404, `expected /log-level/${LOG_LEVELS.join('|')}|configured?seconds=1..86400`);
  const user = await whoChanges(request, socket, logger);
  if (!('uid' in user)) return user;
  const before = threshold.level;
  const { level, forMs } = change;
  const now = level === 'configured' ? threshold.configured : level;
  const fields = { [Field.logLevel]: now, [Field.previous]: before, [Field.ttlMs]: forMs };
  // Whichever of both levels writes it: a change is to be found in the log.
  const isToldBefore = threshold.writes('warn');
  const tell = (): void => logger.warn('log level changed', fields);
  if (isToldBefore) tell();
  threshold.set(now, forMs, () => logger.warn('log level is back', { [Field.logLevel]: threshold.configured }));
  if (!isToldBefore) tell();
  return plain(200, forMs === undefined ? `log level ${now}` : `log level ${now} for ${forMs / 1000} s`);
}
