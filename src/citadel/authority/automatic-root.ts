import type { RotationAction, RotationRecord } from './root-rotation.js';

/** What there is to say of a root that is to be changed in time, as metrics and status pages name it. */
export const ROOT_STATES = ['waiting', 'settling', 'held-up', 'failing', 'by-hand'] as const;

/**
 * `waiting`: its time has not come; `settling`: a step has been taken, and the next one waits for those who get roots
 * late; `held-up`: the next step would break workloads; `failing`: it could not be taken; `by-hand`: its time has come,
 * and a person has to change it.
 */
export type AutomaticState = (typeof ROOT_STATES)[number];

/** The authority that is to be changed, and how. All times in milliseconds, those of certificates since the epoch. */
export interface RootLife {
  /** Of the signing certificate, and of what is above it. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Why Citadel has no right to replace it; `undefined` when it has. */
  readonly foreign: string | undefined;
  /** So long before its end; `off`: never. */
  readonly leadMs: number | 'off';
  readonly settleMs: number;
}

/** Where a change stands in the store, and for how long this process has seen it stand there. */
export interface SeenRecord {
  readonly record: RotationRecord;
  /** By a clock that is never set. */
  readonly seenForMs: number;
}

export type AutomaticVerdict =
  | { readonly kind: 'waiting' | 'settling'; readonly untilMs: number }
  | { readonly kind: 'by-hand'; readonly reason: string }
  | {
      readonly kind: 'due';
      readonly action: Extract<RotationAction, 'stage' | 'activate' | 'retire'>;
      /** So near to the end of the root that to wait for a deaf one would break all. */
      readonly isLastCall: boolean;
    };

/** A root of ten years is changed a year before its end. */
const LEAD_PART = 1 / 10;

/** What is not known of certificates is known after one life of them; then there is time left to mend what is deaf. */
const LEAD_LEAVES = 3;

/** For a root that is hardly longer than the certificates below it. */
const MAX_LEAD_PART = 1 / 2;

/** Of the lead, and at most a week: leaves of the old root end with it, and all have to be renewed before. */
const LAST_CALL_PART = 1 / 10;
const MAX_LAST_CALL_MS = 7 * 24 * 3_600_000;

/** How long before its end a root is changed, when nothing else is asked for; milliseconds. */
export function defaultLeadMs(lifeMs: number, longestTtlMs: number): number {
  return Math.min(Math.max(lifeMs * LEAD_PART, longestTtlMs * LEAD_LEAVES), lifeMs * MAX_LEAD_PART);
}

/**
 * What is to be done at this time, if workloads allow it. Pure. A change that a person has begun is theirs to the end;
 * after an abort by hand nothing is done until they have finished one.
 */
export function automaticVerdict(root: RootLife, { record, seenForMs }: SeenRecord, nowMs: number): AutomaticVerdict {
  const { step } = record;
  if (step === 'steady') return verdictOfSteady(root, record, nowMs);
  const reason = root.leadMs === 'off' ? OFF : ownerOf(record);
  if (reason !== undefined) return { kind: 'by-hand', reason };
  const settledMs = Date.parse(record.since ?? '') + root.settleMs;
  // A clock that was set back must not stop a change for as long.
  if (!(nowMs >= settledMs || seenForMs >= root.settleMs)) return { kind: 'settling', untilMs: settledMs };
  if (step === 'active') return { kind: 'due', action: 'retire', isLastCall: false };
  const { notAfterMs, leadMs, settleMs } = root;
  const lastCallMs = Math.min(MAX_LAST_CALL_MS, Number(leadMs) * LAST_CALL_PART);
  // A clock that has jumped for a moment must not break anything either.
  const isLastCall = nowMs >= notAfterMs - lastCallMs && seenForMs >= settleMs;
  return { kind: 'due', action: 'activate', isLastCall };
}

function verdictOfSteady(root: RootLife, record: RotationRecord, nowMs: number): AutomaticVerdict {
  const { notBeforeMs, notAfterMs, leadMs, foreign } = root;
  // An operator who has to do it is told as early as by default.
  const ledMs = leadMs === 'off' ? defaultLeadMs(notAfterMs - notBeforeMs, 0) : leadMs;
  const dueMs = notAfterMs - ledMs;
  if (nowMs < dueMs) return { kind: 'waiting', untilMs: dueMs };
  const aborted = record.history.at(-1)?.action === 'abort' ? ABORTED : undefined;
  const reason = foreign ?? (leadMs === 'off' ? OFF : aborted);
  return reason === undefined ? { kind: 'due', action: 'stage', isLastCall: false } : { kind: 'by-hand', reason };
}

const OFF = '--root-change-before is off';
const ABORTED = 'the last change of the root was aborted by hand';

/** Why a change that is under way is not Citadel's to go on with. */
function ownerOf({ history }: RotationRecord): string | undefined {
  const begun = history.findLastIndex(({ action }) => action === 'stage');
  if (history[begun]?.isAutomatic !== true) return 'the change of the root was begun by hand';
  return history.slice(begun).some(({ action }) => action === 'abort') ? ABORTED : undefined;
}
