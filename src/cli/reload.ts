/** What a SIGHUP does: kept apart, as most processes never get one. */
import type { RunningApp } from '../app/index.js';
import { Field, type Logger, type LogLevel, type LogThreshold } from '../telemetry/index.js';

/** The settings as they are written now. */
export type Reread =
  | { readonly kind: 'ok'; readonly logLevel: LogLevel; readonly changed: readonly string[] }
  | { readonly kind: 'invalid'; readonly problems: readonly string[] };

export interface ReloadOptions {
  readonly app: Required<Pick<RunningApp, 'reload'>>;
  /** Reads flags, environment and the file of `--config` again; `changed`: the flags of what differs from the start. */
  readonly reread: () => Reread;
  readonly threshold: LogThreshold;
  readonly logger: Logger;
}

/** Reads files and settings again, and says in one line what that was and what has to wait for a restart. */
export async function reload({ app, reread, threshold, logger }: ReloadOptions): Promise<void> {
  const settings = reread();
  const read = await app.reload();
  const changed = settings.kind === 'ok' ? settings.changed : [];
  const level = settings.kind === 'ok' ? settings.logLevel : threshold.configured;
  const applied = level === threshold.configured ? [] : ['log-level'];
  if (applied.length > 0) threshold.configure(level);
  const waiting = changed.filter((flag) => flag !== 'log-level');
  const fields = {
    [Field.reloaded]: [...read, ...applied].join(' '),
    [Field.needsRestart]: waiting.length === 0 ? undefined : waiting.join(' '),
  };
  if (settings.kind === 'invalid') {
    logger.error('reloaded, but the settings are refused and those of before stay', {
      ...fields,
      [Field.error]: settings.problems.join('; '),
    });
  } else if (waiting.length > 0) logger.warn('reloaded, and what has changed elsewhere needs a restart', fields);
  else logger.info('reloaded', fields);
}
