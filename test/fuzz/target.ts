import type { Random } from '../hostile/conversations.js';

/** What was wrong of one run; `undefined` when nothing. */
export type Fault = string | undefined;

/** Something that reads what peers, files or the network bring, and what it must never do. */
export interface FuzzTarget {
  /** As `--target` names it. */
  readonly name: string;
  /** CPU time that one input may take, garbage collection included: far above the slowest that is honest. */
  readonly maxInputMs: number;
  /** What the heap and the memory beside it may grow by while inputs are read, and after all of them. */
  readonly maxGrownMb: number;
  /** How many runs are a part of `npm test`: about a second's worth. */
  readonly testRuns: number;
  /** Makes what all runs share. */
  open(): FuzzSession | Promise<FuzzSession>;
}

export interface FuzzSession {
  /** Makes one input by `random`, has it read, and judges. What it throws is a fault, too. */
  run(random: Random): Fault | Promise<Fault>;
  /** How often each kind of end was met: a target that never accepts, or never refuses, proves nothing. */
  readonly met: Readonly<Record<string, number>>;
  close?(): Promise<void>;
}
