import { distanceText, type Style } from '../explain/index.js';
import type { SecretUse } from './clean-up.js';
import type { Direction, Verdict } from './judge.js';
import { isAgent, type Member, type Step } from './member.js';
import type { Refusal } from './migration-set.js';
import type { StepResult } from './take-step.js';

/** What a step is, in a line of its own. */
const STEP_TEXTS: Readonly<Record<Step, string>> = {
  files: 'certificates of the mounted files, roots of both',
  ca: 'certificates of the CA, roots of both',
  'ca-only': 'certificates of the CA, its roots alone',
};

/** Where each member stands, as lines for people. `nowMs`: epoch milliseconds. */
export function shownMembers(members: readonly Member[], nowMs: number, style: Style): string[] {
  return members.flatMap((member) => {
    const spiffeId =
      'spiffeId' in member && member.spiffeId !== undefined ? `  ${style.paint('faint', member.spiffeId)}` : '';
    const reasons = isAgent(member) ? member.state.heldUpBy.map(({ detail }) => detail) : [];
    return [
      `${style.paint('title', member.name)}${spiffeId}`,
      `  ${standing(member, nowMs, style)}`,
      ...reasons.map((reason) => `  ${style.paint('warning', `held up: ${reason}`)}`),
    ];
  });
}

function standing(member: Member, nowMs: number, style: Style): string {
  switch (member.kind) {
    case 'agent': {
      const { step, sinceMs, served } = member.state;
      const since = sinceMs === undefined ? '' : `, taken ${distanceText(sinceMs, nowMs)}`;
      const set = member.isPeer === true ? ', a step of its own' : '';
      return `step ${step}${set}${since}; serves ${served === undefined ? 'no certificate' : `the certificate of ${served === 'ca' ? 'the CA' : 'the files'}`}`;
    }
    case 'moved':
      return style.paint('good', 'takes its identity from a CA alone');
    case 'file-reader':
      return style.paint('warning', 'reads its key and certificate from files, without an agent');
    case 'citadel':
      return `a CA with ${member.roots.length === 1 ? 'one root' : `${member.roots.length} roots`}`;
    case 'unknown':
      return style.paint('bad', member.reason);
    default:
      return member satisfies never;
  }
}

/** What the next step, or the one back, would mean. */
export function shownVerdict(verdict: Verdict, direction: Direction, style: Style): string[] {
  if (verdict.kind === 'none') return [`${direction}: none: ${verdict.reason}`];
  const { from, to, movers, blockers } = verdict;
  const title = style.paint('title', `${direction}: from ${from} to ${to}`);
  const state = blockers.length === 0 ? style.paint('good', 'safe') : style.paint('bad', 'not safe');
  return [
    `${title} (${STEP_TEXTS[to]}), ${counted(movers.length)}: ${state}`,
    ...blockers.map(({ name, reason }) => `  ${name}: ${reason}`),
  ];
}

/** What became of a step. */
export function shownResult(result: StepResult, direction: Direction, style: Style): string[] {
  switch (result.kind) {
    case 'none':
      return [result.reason];
    case 'refused':
      return [
        ...shownVerdict(result.verdict, direction, style),
        'nothing was changed; --force takes the step all the same',
      ];
    case 'taken': {
      const { verdict, refusals, waiting } = result;
      const left = [...refusals, ...waiting];
      return [
        ...(verdict.blockers.length > 0 ? shownVerdict(verdict, direction, style) : []),
        left.length === 0
          ? style.paint('good', `${counted(verdict.movers.length)} went from ${verdict.from} to ${verdict.to}`)
          : style.paint('bad', `${left.length} of ${counted(verdict.movers.length)} have not completed ${verdict.to}`),
        ...left.map(({ name, reason }: Refusal) => `  ${name}: ${reason}`),
        ...(left.length === 0 ? [] : [hintFor(direction)]),
      ];
    }
    default:
      return result satisfies never;
  }
}

function hintFor(direction: Direction): string {
  const other = direction === 'next' ? 'back' : 'next';
  return `sidecert migrate status tells how they come on; sidecert migrate ${other} takes the step back`;
}

/** What clean-up has found, and what becomes of it. */
export function shownUses(uses: readonly SecretUse[], { deletes }: { readonly deletes: boolean }): string[] {
  if (uses.length === 0) return ['there is no Secret of the type istio.io/key-and-cert'];
  const unused = uses.filter(({ usedBy }) => usedBy.length === 0).length;
  return [
    ...uses.map(({ namespace, name, usedBy }) => {
      const fate = deletes ? 'deleted' : 'no pod mounts it';
      return `${namespace}/${name}: ${usedBy.length === 0 ? fate : `stays, ${usedBy.join(', ')} mounts it`}`;
    }),
    ...(deletes || unused === 0 ? [] : [`nothing was changed; --delete deletes ${unused} of them`]),
  ];
}

function counted(count: number): string {
  return count === 1 ? '1 agent' : `${count} agents`;
}
