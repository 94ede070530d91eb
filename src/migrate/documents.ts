import type { SecretUse } from './clean-up.js';
import type { Verdict } from './judge.js';
import { isAgent, type Member } from './member.js';
import type { StepResult } from './take-step.js';

/** The JSON of `--output json`: the names are those of `/status`. What is `undefined` is left out. */
function memberDocument(member: Member): object {
  const { kind, name } = member;
  if (member.kind === 'moved') return { kind, name, spiffe_id: member.spiffeId };
  if (!isAgent(member)) return { ...member, kind, name };
  const { step, sinceMs, served, heldUpBy, roots, stepFile } = member.state;
  return {
    ...{ kind, name, spiffe_id: member.spiffeId, step },
    step_since: sinceMs === undefined ? undefined : new Date(sinceMs).toISOString(),
    ...{ step_file: stepFile, served, held_up_by: heldUpBy, root_fingerprints: roots },
  };
}

/** Where all stand. Another machine takes it as `--members`. `nowMs`: epoch milliseconds. */
export function statusDocument(members: readonly Member[], nowMs: number): object {
  return { asked_at: new Date(nowMs).toISOString(), members: members.map(memberDocument) };
}

export function verdictDocument(verdict: Verdict): object {
  if (verdict.kind === 'none') return { reason: verdict.reason };
  const { from, to, movers, blockers } = verdict;
  return { from, to, is_safe: blockers.length === 0, agents: movers, blocked_by: blockers };
}

export function resultDocument(result: StepResult): object {
  if (result.kind === 'none') return { taken: false, reason: result.reason };
  const step = verdictDocument(result.verdict);
  if (result.kind === 'refused') return { taken: false, ...step };
  return { taken: true, ...step, refused_by: result.refusals, waiting_for: result.waiting };
}

export function usesDocument(secrets: readonly SecretUse[], { deletes }: { readonly deletes: boolean }): object {
  return {
    secrets: secrets.map(({ usedBy, ...secret }) => ({
      ...{ ...secret, used_by: usedBy, is_deleted: deletes && usedBy.length === 0 },
    })),
  };
}
