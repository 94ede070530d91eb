import { isatty } from 'node:tty';
import type { AppContext, RunningApp } from '../app/index.js';
import {
  createLineLogger,
  Field,
  jsonLine,
  type Logger,
  type LogLevel,
  LogThreshold,
  textLine,
} from '../telemetry/index.js';
import { ENDING_SIGNALS } from './ending-signals.js';
import { watchWorkingDirectory } from './prepare-process.js';
import { clusterEnvironment, Exit, hasColours, logOutput, nodeFlags } from './process.js';
import type { ReloadOptions, Reread } from './reload.js';

/** What a shutdown may take, so that the process has gone before Kubernetes or a user loses patience. */
const SHUTDOWN_LIMIT_MS = 4500;

/** What the log of a command is to be. */
interface LogSettings {
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'text';
}

/**
 * Runs a long-lived command: starts it, waits for a signal that ends processes, ends it cleanly. Resolves with the exit
 * code. A second signal ends the process at once, and so do 4.5 s after the first one, also when the start has not come
 * to its end.
 *
 * With `reread`, SIGHUP reads files and settings again, but on a terminal, which sends it when it is closed.
 */
export async function serve(
  { logLevel, logFormat }: LogSettings,
  start: (context: AppContext) => Promise<RunningApp>,
  reread?: () => Reread,
): Promise<number> {
  const threshold = new LogThreshold(logLevel);
  const format = logFormat === 'text' ? textLine({ hasColours: hasColours(process.stderr) }) : jsonLine;
  const logger = createLineLogger({ threshold, format, write: logOutput(), now: Date.now });
  exitOnUnhandledError(logger);
  watchWorkingDirectory(logger);
  let limit: NodeJS.Timeout | undefined;
  const reloads = new ReloadSignal(reread !== undefined && !isatty(0));
  const stopped = firstSignal(reloads.isTaken).then((signal) => {
    logger.info('shutting down', { [Field.signal]: signal });
    limit = setTimeout(() => {
      logger.error('shutdown took too long', { [Field.durationMs]: SHUTDOWN_LIMIT_MS });
      process.exit(Exit.failed);
    }, SHUTDOWN_LIMIT_MS);
  });
  try {
    const surroundings = { nodeFlags: nodeFlags(), clusterEnvironment: clusterEnvironment() };
    const app = await start({ logger, threshold, now: Date.now, random: Math.random, ...surroundings });
    if (reread !== undefined) reloads.serve(app, { reread, threshold, logger });
    await stopped;
    await app.close();
  } finally {
    clearTimeout(limit);
  }
  logger.info('stopped');
  return Exit.ok;
}

/** SIGHUP as the signal to reload: one that comes during the start is for what has been started. */
class ReloadSignal {
  private isWanted = false;
  private act = (): void => {
    this.isWanted = true;
  };

  constructor(readonly isTaken: boolean) {
    if (isTaken) process.on('SIGHUP', () => this.act());
  }

  serve({ reload: reloadApp }: RunningApp, rest: Omit<ReloadOptions, 'app'>): void {
    if (reloadApp === undefined) return;
    let last = Promise.resolve();
    this.act = () => {
      last = last.then(async () => {
        const { reload } = await import('./reload.js');
        await reload({ ...rest, app: { reload: reloadApp } });
      });
    };
    if (this.isWanted) this.act();
  }
}

/** Resolves with the first of these signals; the next one, whichever it is, ends the process at once. */
function firstSignal(isSighupTaken: boolean): Promise<string> {
  return new Promise((resolve) => {
    let isStopping = false;
    for (const signal of ENDING_SIGNALS) {
      if (signal === 'SIGHUP' && isSighupTaken) continue;
      process.on(signal, () => {
        if (isStopping) process.exit(Exit.failed);
        isStopping = true;
        resolve(signal);
      });
    }
  });
}

/** After an uncaught error the state is unknown: say so in the log, and let the supervisor restart the process. */
function exitOnUnhandledError(logger: Logger): void {
  const end = (error: unknown): void => {
    logger.error('unexpected error, ending', {
      [Field.error]: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    process.exit(Exit.failed);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}
