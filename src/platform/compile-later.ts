import { setFlagsFromString } from 'node:v8';

/** How much bytecode a function runs before V8 optimises it, in bytes: five times the default of Node.js 20. */
const INTERRUPT_BUDGET = 660_000;

/**
 * Makes V8 wait until a function is really hot. When all pods of a node come at once, everything becomes warm within the
 * same second, and V8's threads take a third of the process's CPU time to compile it (1.2 of 3.3 s for 2 000 pods, and
 * 0.4 s so). What runs for minutes is optimised all the same, but later: a server that is asked evenly, as Citadel is, is
 * better off without. Call it before the work begins; it is for the whole process, threads included.
 */
export function compileLater(): void {
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`);
}
