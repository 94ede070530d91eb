import { setV8Flag } from '../system/platform/index.js';

/** How much bytecode a function runs before V8 optimises it, in bytes: five times the default of Node.js 20. */
const INTERRUPT_BUDGET = 660_000;

/**
 * How much bytecode of others V8 takes into a function that it optimises, in bytes: a ninth of the default of Node.js
 * 20.
 */
const INLINED_BYTECODE = 100;

/**
 * How much V8 lets the old generation of a Citadel grow before it collects its garbage, in percent of what was in use
 * after the last time. By its own measure it grows by up to 300 where little was in use.
 */
const HEAP_GROWTH_PERCENT = 50;

/**
 * Sets V8 up for what a command has to do; for the whole process, threads included. Call it before the work begins, but
 * after the code cache has been taken: V8 takes one only under the flags that it was made with. A flag is set only in
 * the versions of V8 in which it earns something. (docs/adr/0030-node-26.md)
 *
 * Optimising waits until a function is really hot. When thousands of pods come at once, everything becomes warm within
 * the same second, and V8's threads then take a third of the CPU time of agent, Citadel and fleet alike to compile it.
 * What runs for minutes is optimised all the same, and better known by then. An agent changes its mind when a crowd
 * comes for the same identity (system/platform/optimise-sooner.ts).
 *
 * What is optimised takes in little of what it calls. V8 would make one large function of a push, ten to twenty-five
 * milliseconds of a thread's time each time it learns more of it; calls between small ones cost less than that in all.
 *
 * An agent keeps nearly all that it makes while Envoys connect: a young generation that grows is copied around for up
 * to 50 ms a time, a small one for less in all and 15 MB smaller. That holds until a thread makes a heap of its own,
 * for which V8 sets this flag back; the threads of the pool set it again (hotpath/worker.ts).
 *
 * A Citadel under load keeps nothing, but all that belongs to a request in flight gets into the old generation, as
 * garbage soon: collected sooner, it takes 32 MB less, for 2 % of the CPU time. (docs/performance.md)
 */
export function setV8Flags(command: string | undefined): void {
  setV8Flag('interrupt-budget', INTERRUPT_BUDGET);
  setV8Flag('max-inlined-bytecode-size-cumulative', INLINED_BYTECODE);
  if (command === 'agent') setV8Flag('semi-space-growth-factor', 1);
  if (command === 'citadel') setV8Flag('heap-growing-percent', HEAP_GROWTH_PERCENT);
}
