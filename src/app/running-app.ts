import type { HotPathMode } from '../hotpath/index.js';
import type { ClusterEnvironment } from '../kubernetes/api/index.js';
import { protectMemory, refuseOpenMemory } from '../system/platform/index.js';
import { Field, type Logger, type LogThreshold } from '../telemetry/index.js';

/** What a composition root takes from the process around it. */
export interface AppContext {
  readonly logger: Logger;
  /** What decides which of its lines are written; left out, it cannot be changed while the process runs. */
  readonly threshold?: LogThreshold;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** The options that this Node was started with, from its command line and from `NODE_OPTIONS`. */
  readonly nodeFlags: readonly string[];
  /** What the environment says about the cluster that the process is in; left out: nothing. */
  readonly clusterEnvironment?: ClusterEnvironment;
}

/** A started agent or Citadel. */
export interface RunningApp {
  /** Where it listens: a path, or `host:port` with the real port. */
  readonly address: string;
  /**
   * Ends streams and calls cleanly, then everything else. Safe to call twice; resolves when nothing is left running.
   */
  close(): Promise<void>;
  /**
   * Reads again what may have changed; resolves with the settings whose files that were, by their flags. Never rejects:
   * what is refused does not replace what was good.
   */
  reload?(): Promise<readonly string[]>;
}

/**
 * Puts what has been started onto a stack and ends it in reverse order. When one end fails the others still come, and
 * the first failure is thrown at the end.
 */
export class Teardown {
  private readonly ends: (() => void | Promise<void>)[] = [];
  private ending: Promise<void> | undefined;

  add(end: () => void | Promise<void>): void {
    this.ends.push(end);
  }

  /** Safe to call twice. */
  run(): Promise<void> {
    this.ending ??= this.runAll();
    return this.ending;
  }

  private async runAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const end of this.ends.reverse()) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/**
 * The frame of every long-lived command: refuses a process whose memory is open, and closes it, before there is any
 * key; runs `start`, which puts the ends of what it opens onto the teardown, and takes all down again when it fails.
 */
export async function runApp(
  { hotPath }: { readonly hotPath: HotPathMode },
  { nodeFlags, logger }: AppContext,
  start: (teardown: Teardown) => Promise<Omit<RunningApp, 'close'>>,
): Promise<RunningApp> {
  refuseOpenMemory(nodeFlags);
  closeMemory(hotPath, logger);
  const teardown = new Teardown();
  try {
    const started = await start(teardown);
    return { ...started, close: () => teardown.run() };
  } catch (error) {
    await teardown.run().catch(() => {});
    throw error;
  }
}

/** With `js` the addon is not loaded; the documentation says what that means. */
function closeMemory(hotPath: HotPathMode, logger: Logger): void {
  const { isKeptOutOfCoreFiles, isClosedToOthers, reason } = protectMemory({ usesAddon: hotPath !== 'js' });
  const level = hotPath === 'js' ? 'info' : 'warn';
  if (!isKeptOutOfCoreFiles) logger[level]('core files may hold private keys', { [Field.reason]: reason });
  else if (!isClosedToOthers)
    logger[level]('processes of the same user may read private keys', { [Field.reason]: reason });
}
