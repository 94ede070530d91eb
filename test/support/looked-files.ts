import { anywhere } from '../../src/agent/files/allowed-directories.js';
import type { FileDependencies } from '../../src/agent/files/reloaded-files.js';
import { RateLimitedLogger } from '../../src/telemetry/index.js';
import { RecordingLogger } from './recording-logger.js';

/** What files are read with, and looked at when the test says so, by a clock that the test moves. */
export function lookedFiles(nowMs = Date.now()) {
  const looks = new Set<() => Promise<void>>();
  const added = new Set<() => void>();
  const clock = { nowMs };
  const logger = new RecordingLogger();
  const now = () => clock.nowMs;
  const surroundings: FileDependencies = {
    directories: anywhere,
    watch: {
      add(look) {
        looks.add(look);
        for (const tell of added) tell();
        return () => void looks.delete(look);
      },
    },
    log: new RateLimitedLogger(logger, now),
    now,
  };
  return {
    ...{ surroundings, clock, logger },
    /** How many values are followed. */
    get watched(): number {
      return looks.size;
    },
    /** Resolves when so many are. */
    untilWatched: (count: number): Promise<void> =>
      new Promise((resolve) => {
        const tell = (): void => {
          if (looks.size < count) return;
          added.delete(tell);
          resolve();
        };
        added.add(tell);
        tell();
      }),
    /** Looks at all files once. */
    async look() {
      for (const look of looks) await look();
    },
  };
}
