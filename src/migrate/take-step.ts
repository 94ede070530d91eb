import { type Direction, judge, type Verdict } from './judge.js';
import { isAgent, type Member, type Step } from './member.js';
import type { MigrationSet, Refusal } from './migration-set.js';

/** What became of a step. */
export type StepResult =
  | { readonly kind: 'none'; readonly reason: string }
  /** It was not safe, and nothing was written. */
  | { readonly kind: 'refused'; readonly verdict: StepVerdict }
  /** It was taken; `waiting` are those who have not completed it by the end of the time, and why. */
  | {
      readonly kind: 'taken';
      readonly verdict: StepVerdict;
      readonly refusals: readonly Refusal[];
      readonly waiting: readonly Refusal[];
    };

type StepVerdict = Extract<Verdict, { readonly kind: 'step' }>;

export interface TakeOptions {
  readonly direction: Direction;
  /** Takes it although some would break; those that cannot take it are left behind. */
  readonly isForced: boolean;
  /** For all of them to complete it. */
  readonly timeoutMs: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Agents look at their file once a second. */
const POLL_MS = 500;

/** Judges the next step, or the one back, takes it when it is safe, and waits until all have completed it. */
export async function takeStep(set: MigrationSet, options: TakeOptions): Promise<StepResult> {
  const { direction, isForced, timeoutMs, now } = options;
  const members = await set.members();
  const verdict = judge(members, direction);
  if (verdict.kind === 'none') return verdict;
  if (verdict.blockers.length > 0 && !isForced) return { kind: 'refused', verdict };
  const movers = members.filter(isAgent).filter(({ name }) => verdict.movers.includes(name));
  const refusals = await set.take(verdict.to, movers);
  const taking = verdict.movers.filter((name) => refusals.every((refusal) => refusal.name !== name));
  const deadlineMs = now() + timeoutMs;
  for (;;) {
    const current = await set.members();
    const waiting = taking.flatMap((name) =>
      waitingFor(
        current.find((one) => one.name === name),
        verdict.to,
        options,
      ),
    );
    if (waiting.length === 0 || options.now() >= deadlineMs) return { kind: 'taken', verdict, refusals, waiting };
    await options.sleep(POLL_MS);
  }
}

/** What does not keep a step back from being complete: a CA that is down may be why it is taken. */
const NOT_OF_THE_WAY_BACK: readonly string[] = ['ca_certificate', 'no_envoy'];

/**
 * What is still to come of an agent that takes a step. One that was forced is not waited for longer than it takes to be
 * at the step. A pod that has ended has nothing to complete: another one in its place starts at the step.
 */
function waitingFor(member: Member | undefined, to: Step, { isForced, direction }: TakeOptions): Refusal[] {
  if (member === undefined) return [];
  const { name } = member;
  if (!isAgent(member)) return [{ name, reason: member.kind === 'unknown' ? member.reason : 'it moves no more' }];
  const { step, heldUpBy } = member.state;
  if (step !== to) return [{ name, reason: `it is still at step ${step}` }];
  const [first] = isForced
    ? []
    : heldUpBy.filter(({ code }) => direction === 'next' || !NOT_OF_THE_WAY_BACK.includes(code));
  return first === undefined ? [] : [{ name, reason: first.detail }];
}
