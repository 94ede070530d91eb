import t from 'tap';
import { type Direction, judge, type Verdict } from '../../src/migrate/judge.js';
import type { AgentState, Member } from '../../src/migrate/member.js';

const BOTH = ['old', 'new'];

function agent(name: string, state: Partial<AgentState> = {}): Member {
  return {
    ...{ kind: 'agent', name, spiffeId: undefined },
    state: {
      ...{ step: 'files', sinceMs: undefined, served: 'files', heldUpBy: [], hasValidFiles: true, stepFile: '/step' },
      roots: { served: BOTH, files: ['old'], ca: ['new'] },
      ...state,
    },
  };
}

const atCa = (name: string, state: Partial<AgentState> = {}): Member =>
  agent(name, { step: 'ca', served: 'ca', ...state });
const atCaOnly = (name: string, state: Partial<AgentState> = {}): Member =>
  agent(name, { step: 'ca-only', served: 'ca', roots: { served: ['new'], files: ['old'], ca: ['new'] }, ...state });
const peer = (member: Member): Member => (member.kind === 'agent' ? { ...member, isPeer: true } : member);
const reader = (name: string, roots: readonly string[] | undefined): Member => ({ kind: 'file-reader', name, roots });
const moved: Member = { kind: 'moved', name: 'moved', spiffeId: undefined };
const away: Member = { kind: 'unknown', name: 'away', reason: 'ECONNREFUSED' };
const caDown = { heldUpBy: [{ code: 'ca_certificate', detail: 'the CA is down' }] };
const unacknowledged = { heldUpBy: [{ code: 'unacknowledged', detail: 'ROOTCA' }] };
const untrusting = { roots: { served: ['old'], files: ['old'], ca: ['new'] } };
const foreign = { roots: { served: ['new', 'other'], files: [], ca: ['other'] } };

/** The step and who is in its way, or why there is none. */
function summary(verdict: Verdict): string {
  if (verdict.kind === 'none') return verdict.reason;
  const { from, to, movers, blockers } = verdict;
  return [`${from} to ${to} by ${movers}`, ...blockers.map(({ name, reason }) => `${name}: ${reason}`)].join('; ');
}

interface Case {
  readonly when: string;
  readonly go: Direction;
  readonly of: readonly Member[];
  readonly want: string;
}

const cases: readonly Case[] = [
  { when: 'all are ready', go: 'next', of: [agent('a'), agent('b')], want: 'files to ca by a,b' },
  { when: 'some are behind', go: 'next', of: [agent('a'), atCa('b')], want: 'files to ca by a' },
  { when: 'some are ahead', go: 'back', of: [agent('a'), atCa('b')], want: 'ca to files by b' },
  { when: 'all show the new leaf', go: 'next', of: [atCa('a'), atCa('b')], want: 'ca to ca-only by a,b' },
  { when: 'roots come back', go: 'back', of: [atCaOnly('a'), atCa('b')], want: 'ca-only to ca by a' },
  { when: 'one is away', go: 'next', of: [agent('a'), away], want: 'files to ca by a; away: ECONNREFUSED' },
  {
    when: 'a stream has not acknowledged',
    ...{ go: 'next', of: [agent('a', unacknowledged), agent('b')], want: 'files to ca by a,b; a: ROOTCA' },
  },
  {
    when: 'the CA is down',
    ...{ go: 'next', of: [agent('a', caDown)], want: 'files to ca by a; a: the CA is down' },
  },
  { when: 'the CA is down', go: 'back', of: [atCa('a', caDown)], want: 'ca to files by a' },
  {
    when: 'a stream has not acknowledged',
    ...{ go: 'back', of: [atCa('a', unacknowledged)], want: 'ca to files by a; a: ROOTCA' },
  },
  {
    when: 'one trusts the old root alone',
    ...{ go: 'next', of: [agent('a'), agent('b', untrusting)] },
    want: 'files to ca by a,b; b: its trust bundle lacks roots of the CA: it would refuse its peers',
  },
  {
    when: 'one trusts the new root alone',
    ...{ go: 'back', of: [atCa('a'), atCa('b', { roots: { served: ['new'], files: [], ca: ['new'] } })] },
    want: 'ca to files by a,b; b: its trust bundle lacks roots of the files: it would refuse its peers',
  },
  {
    when: 'an Envoy without an agent trusts both roots',
    ...{ go: 'next', of: [agent('a'), reader('r', BOTH)], want: 'files to ca by a' },
  },
  {
    when: 'an Envoy without an agent trusts the old root alone',
    ...{ go: 'next', of: [agent('a'), reader('r', ['old'])] },
    want: 'files to ca by a; r: the files that it reads lack roots of the CA: it would refuse its peers',
  },
  {
    when: 'the roots of an Envoy without an agent cannot be read',
    ...{ go: 'next', of: [agent('a'), reader('r', undefined)] },
    want: 'files to ca by a; r: it reads files, and their roots cannot be read',
  },
  {
    when: 'an Envoy without an agent still shows its files',
    ...{ go: 'next', of: [atCa('a'), reader('r', BOTH)] },
    want: 'ca to ca-only by a; r: it still shows a certificate of its files, which would be refused',
  },
  {
    when: 'two CAs do not know one another',
    ...{ go: 'next', of: [atCa('a'), { ...atCa('b', foreign) }] },
    want: 'ca to ca-only by a,b; a: its CA does not tell it the roots of the CA of others; b: its CA does not tell it the roots of the CA of others',
  },
  {
    when: 'Citadel has a root that an agent has not heard of',
    ...{ go: 'next', of: [agent('a'), { kind: 'citadel', name: 'c', roots: ['new', 'newest'] }] },
    want: 'files to ca by a; a: it has not yet been told all roots of Citadel',
  },
  {
    when: 'agents of another set are behind',
    go: 'next',
    of: [agent('a'), peer(agent('b'))],
    want: 'files to ca by a',
  },
  {
    when: 'an agent of another set shows its files',
    ...{ go: 'next', of: [atCa('a'), peer(agent('b', caDown))] },
    want: 'ca to ca-only by a; b: it still shows a certificate of its files, which would be refused',
  },
  {
    when: 'an agent of another set trusts the old root alone',
    ...{ go: 'next', of: [agent('a'), peer(agent('b', untrusting))] },
    want: 'files to ca by a; b: its trust bundle lacks roots of the CA: it would refuse its peers',
  },
  {
    when: 'all are of another set',
    ...{ go: 'next', of: [peer(agent('a'))] },
    want: 'all agents that move have a step of their own: of another ConfigMap (--config-map), or another machine (--members)',
  },
  { when: 'one has moved before', go: 'next', of: [atCa('a'), moved], want: 'ca to ca-only by a' },
  {
    when: 'one has moved for good',
    ...{ go: 'back', of: [atCa('a'), moved], want: 'ca to files by a; moved: it trusts the roots of the CA alone' },
  },
  {
    when: 'the files are gone',
    ...{ go: 'back', of: [atCa('a', { hasValidFiles: false })] },
    want: 'ca to files by a; a: its files have no valid certificate',
  },
  {
    when: 'the roots of the files are gone',
    ...{ go: 'back', of: [atCaOnly('a', { roots: { served: ['new'], files: [], ca: ['new'] } })] },
    want: 'ca-only to ca by a; a: its files have no roots',
  },
  {
    when: 'an agent has no file for its step',
    ...{ go: 'next', of: [agent('a', { stepFile: undefined })] },
    want: 'files to ca by a; a: it takes its step from its flags alone: start it with --migration-step-file',
  },
  {
    when: 'all are at the last step',
    ...{ go: 'next', of: [atCaOnly('a')] },
    want: 'all agents are at the last step, ca-only: start them with --identity-source ca, and take the files away',
  },
  {
    when: 'all are at the first step',
    ...{ go: 'back', of: [agent('a')] },
    want: 'all agents are at the first step, files: what is left is to start them with --identity-source file',
  },
  {
    when: 'all have moved',
    go: 'next',
    of: [moved],
    want: 'all agents take their identity from a CA alone: it is done',
  },
  { when: 'nobody answers', go: 'next', of: [away], want: 'no agent can be asked: away: ECONNREFUSED' },
  {
    when: 'there is nobody',
    ...{ go: 'next', of: [], want: 'there is no agent that moves from files to a CA (--identity-source file,ca)' },
  },
];
for (const { when, go, of, want } of cases) {
  t.test(`the step ${go === 'next' ? 'forward' : 'back'} when ${when}`, async (t) => {
    t.equal(summary(judge(of, go)), want);
  });
}
