import { type AgentMember, isAgent, type Member, STEPS, type Step } from './member.js';

export type Direction = 'next' | 'back';

/** Who stands in the way of a step, and why. */
export interface Blocker {
  readonly name: string;
  readonly reason: string;
}

/** What taking a step would mean for the whole set. */
export type Verdict =
  /** There is no such step. */
  | { readonly kind: 'none'; readonly reason: string }
  | {
      readonly kind: 'step';
      readonly from: Step;
      readonly to: Step;
      /** The agents that take it; others of the set have taken it before. */
      readonly movers: readonly string[];
      /** Without any, the step is safe. */
      readonly blockers: readonly Blocker[];
    };

/** What of an incomplete step is in the way of others, and of the way back: not that the CA is down. */
const IN_THE_WAY_BACK: readonly string[] = ['step_file', 'rejected', 'unacknowledged'];

/**
 * Says which step the set takes next, or back, and whether every member goes on trusting every other one. Pure.
 *
 * Those who are behind take the next one, those who are ahead the one back: a set that is at two steps comes together.
 */
export function judge(members: readonly Member[], direction: Direction): Verdict {
  const agents = members.filter(isAgent).filter(({ isPeer = false }) => !isPeer);
  const ranks = agents.map(({ state }) => STEPS.indexOf(state.step));
  if (agents.length === 0) return { kind: 'none', reason: noAgentText(members) };
  const rank = direction === 'next' ? Math.min(...ranks) : Math.max(...ranks);
  const [from, to] = [STEPS[rank], STEPS[direction === 'next' ? rank + 1 : rank - 1]];
  if (from === undefined || to === undefined) return { kind: 'none', reason: END_TEXTS[direction] };
  const movers = agents.filter(({ state }) => state.step === from);
  const blockers = [
    ...members.flatMap(unknownBlocker),
    ...members.filter(isAgent).flatMap((agent) => incomplete(agent, direction)),
    ...(direction === 'next' ? nextBlockers(to, members, agents, movers) : backBlockers(to, members, agents, movers)),
    ...movers.flatMap(({ name, state }) => (state.stepFile === undefined ? [{ name, reason: NO_STEP_FILE }] : [])),
  ];
  return { kind: 'step', from, to, movers: movers.map(({ name }) => name), blockers };
}

const NO_STEP_FILE = 'it takes its step from its flags alone: start it with --migration-step-file';

const END_TEXTS: Readonly<Record<Direction, string>> = {
  next: 'all agents are at the last step, ca-only: start them with --identity-source ca, and take the files away',
  back: 'all agents are at the first step, files: what is left is to start them with --identity-source file',
};

function noAgentText(members: readonly Member[]): string {
  const unknown = members.flatMap((member) => (member.kind === 'unknown' ? [`${member.name}: ${member.reason}`] : []));
  if (unknown.length > 0) return `no agent can be asked: ${unknown.join('; ')}`;
  if (members.some(isAgent))
    return 'all agents that move have a step of their own: of another ConfigMap (--config-map), or another machine (--members)';
  if (members.some(({ kind }) => kind === 'moved')) return 'all agents take their identity from a CA alone: it is done';
  return 'there is no agent that moves from files to a CA (--identity-source file,ca)';
}

function unknownBlocker(member: Member): Blocker[] {
  return member.kind === 'unknown' ? [{ name: member.name, reason: member.reason }] : [];
}

function incomplete({ name, state, isPeer = false }: AgentMember, direction: Direction): Blocker[] {
  const isForMovers = direction === 'next' && !isPeer;
  return state.heldUpBy
    .filter(({ code }) => isForMovers || IN_THE_WAY_BACK.includes(code))
    .map(({ detail }) => ({ name, reason: detail }));
}

function nextBlockers(
  to: Step,
  members: readonly Member[],
  agents: readonly AgentMember[],
  movers: readonly AgentMember[],
): Blocker[] {
  const ofCa = members.flatMap((member) => (member.kind === 'citadel' ? member.roots : []));
  const outdated = agents.filter(({ state }) => lacks(state.roots.ca, ofCa));
  const old = outdated.map(({ name }) => ({ name, reason: 'it has not yet been told all roots of Citadel' }));
  const shown = movers.flatMap(({ state }) => state.roots.ca);
  if (to === 'ca') return [...old, ...withoutRoots(members, shown, 'of the CA')];
  const showsFiles = (member: Member): boolean =>
    member.kind === 'file-reader' || (isAgent(member) && member.state.served === 'files');
  const all = agents.flatMap(({ state }) => state.roots.ca);
  return [
    ...old,
    ...members.filter(showsFiles).map(({ name }) => ({
      name,
      reason: 'it still shows a certificate of its files, which would be refused',
    })),
    ...movers.flatMap(({ name, state }) =>
      lacks(state.roots.ca, all) ? [{ name, reason: 'its CA does not tell it the roots of the CA of others' }] : [],
    ),
  ];
}

function backBlockers(
  to: Step,
  members: readonly Member[],
  agents: readonly AgentMember[],
  movers: readonly AgentMember[],
): Blocker[] {
  // Roots that are added break no peer; that there are none to add makes the step worth nothing.
  const without = movers.filter(({ state }) => (to === 'ca' ? state.roots.files.length === 0 : !state.hasValidFiles));
  const what = to === 'ca' ? 'roots' : 'valid certificate';
  const blockers = without.map(({ name }) => ({ name, reason: `its files have no ${what}` }));
  if (to === 'ca') return blockers;
  return [
    ...blockers,
    ...withoutRoots(
      members,
      agents.flatMap(({ state }) => state.roots.files),
      'of the files',
    ),
  ];
}

/** Those who would refuse certificates of these roots. */
function withoutRoots(members: readonly Member[], wanted: readonly string[], whose: string): Blocker[] {
  return members.flatMap((member): Blocker[] => {
    const { kind, name } = member;
    switch (kind) {
      case 'agent': {
        return lacks(member.state.roots.served, wanted)
          ? [{ name, reason: `its trust bundle lacks roots ${whose}: it would refuse its peers` }]
          : [];
      }
      case 'file-reader': {
        if (member.roots === undefined) return [{ name, reason: 'it reads files, and their roots cannot be read' }];
        return lacks(member.roots, wanted)
          ? [{ name, reason: `the files that it reads lack roots ${whose}: it would refuse its peers` }]
          : [];
      }
      case 'moved':
        // It trusts what the CA says, and nothing else.
        return whose === 'of the files' ? [{ name, reason: 'it trusts the roots of the CA alone' }] : [];
      case 'citadel':
      case 'unknown':
        return [];
      default:
        return member satisfies never;
    }
  });
}

function lacks(trusted: readonly string[], wanted: readonly string[]): boolean {
  return wanted.some((fingerprint) => !trusted.includes(fingerprint));
}
