import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { until } from '../../src/demo/polling.js';
import { PATIENCE_MS } from './patience.js';

/** Between two tries of a step: each is a process, and many in a row would keep a core from what the step waits for. */
const TRY_MS = 1000;

/** How a command ended, and what it wrote. */
export interface StepOutcome {
  readonly code: number | NodeJS.Signals;
  readonly out: string;
  readonly err: string;
}

/** `sidecert root STEP`, which `run` starts, tried until what it waits for has come. */
export function rootSteps(t: Test, run: (step: string) => Promise<StepOutcome>) {
  return {
    /** Tries a step until it is taken; resolves with why it was not, meanwhile. @throws Error with the last refusal. */
    async taken(step: string): Promise<string> {
      const refusals: string[] = [];
      const tries = until(`${step} to be taken`, AbortSignal.timeout(PATIENCE_MS), async () => {
        const { code, err } = await run(step);
        if (code === 0) return true;
        refusals.push(err);
        return delay(TRY_MS, undefined);
      });
      await tries.catch((error: unknown) => {
        throw new Error(`the last refusal: ${refusals.at(-1)}`, { cause: error });
      });
      return refusals.join('');
    },

    /** Tries a step that must not be taken until it is refused for this reason; resolves with what was said. */
    refused(step: string, why: RegExp): Promise<string> {
      return until(`${step} to be refused: ${why}`, AbortSignal.timeout(PATIENCE_MS), async () => {
        const { code, err } = await run(step);
        t.equal(code, 1);
        return why.test(err) ? err : delay(TRY_MS, undefined);
      });
    },
  };
}
