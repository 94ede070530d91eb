import { JsonSection } from '../explain/index.js';

/** The steps of a migration, from the first to the last. (agent/identity, "MigrationStep") */
export const STEPS = ['files', 'ca', 'ca-only'] as const;

export type Step = (typeof STEPS)[number];

/** SHA-256 of root certificates, in hexadecimal. */
type Fingerprints = readonly string[];

/** Why a step is not complete on an agent. */
export interface HoldUp {
  readonly code: string;
  readonly detail: string;
}

/** Where an agent stands that moves from files to a CA, by its own status. */
export interface AgentState {
  readonly step: Step;
  /** Epoch milliseconds. */
  readonly sinceMs: number | undefined;
  readonly served: string | undefined;
  readonly heldUpBy: readonly HoldUp[];
  /** The roots that it gives its Envoy, those of its files, and those of its CA. */
  readonly roots: { readonly served: Fingerprints; readonly files: Fingerprints; readonly ca: Fingerprints };
  readonly hasValidFiles: boolean;
  /** Where it reads its step. */
  readonly stepFile: string | undefined;
}

/** One that has a part in the migration. `name` is where it is, and stays the same: an address, or a pod. */
export type Member =
  | {
      readonly kind: 'agent';
      readonly name: string;
      readonly spiffeId: string | undefined;
      readonly state: AgentState;
      /** It has a step of its own elsewhere: it does not move with the set, and has to trust those that do. */
      readonly isPeer?: boolean;
    }
  /** An agent that takes its identity from a CA alone: it is through. */
  | { readonly kind: 'moved'; readonly name: string; readonly spiffeId: string | undefined }
  /** It reads its key and certificate from files, without an agent; `undefined`: which roots it trusts is not known. */
  | { readonly kind: 'file-reader'; readonly name: string; readonly roots: Fingerprints | undefined }
  /** The CA itself, with the roots that it tells agents. */
  | { readonly kind: 'citadel'; readonly name: string; readonly roots: Fingerprints }
  /** It cannot be judged: it gives no answer, or is none that can move. */
  | { readonly kind: 'unknown'; readonly name: string; readonly reason: string };

export type AgentMember = Extract<Member, { readonly kind: 'agent' }>;

export function isAgent(member: Member): member is AgentMember {
  return member.kind === 'agent';
}

/** What the page of `/status` of the process there says of a migration. */
export function memberOf(name: string, document: unknown): Member {
  const page = new JsonSection(document);
  const unknown = (reason: string): Member => ({ kind: 'unknown', name, reason });
  const authority = page.section('authority');
  if (authority !== undefined) return { kind: 'citadel', name, roots: authority.texts('root_fingerprints') };
  if (!page.has('identities')) return unknown('it is neither an agent nor a Citadel');
  const spiffeId = page.list('identities')[0]?.text('spiffe_id');
  const migration = page.section('migration');
  if (migration !== undefined) {
    const state = stateOf(migration);
    return state === undefined
      ? unknown('its status tells no step that is known here: it is of another version')
      : { kind: 'agent', name, spiffeId, state };
  }
  return page.has('files')
    ? unknown('it has mounted files alone: start it with --identity-source file,ca')
    : { kind: 'moved', name, spiffeId };
}

/** What another machine has said of one of its members, which does not move with ours. (documents.ts) */
export function memberOfDocument(name: string, document: JsonSection): Member {
  const kind = document.text('kind');
  const spiffeId = document.text('spiffe_id');
  const roots = document.texts('roots');
  switch (kind) {
    case 'agent': {
      const state = stateOf(document);
      if (state !== undefined) return { kind, name, spiffeId, state, isPeer: true };
      break;
    }
    case 'moved':
      return { kind, name, spiffeId };
    case 'file-reader':
      return { kind, name, roots: document.has('roots') ? roots : undefined };
    case 'citadel':
      return { kind, name, roots };
    case 'unknown':
      return { kind, name, reason: document.text('reason') ?? 'it could not be asked' };
    default:
  }
  return { kind: 'unknown', name, reason: 'its kind or its step is not known here: it is of another version' };
}

/** What the section of `/status` says, and what we have printed of it elsewhere: both have the same names. */
function stateOf(migration: JsonSection): AgentState | undefined {
  const step = STEPS.find((one) => one === migration.text('step'));
  const roots = migration.section('root_fingerprints');
  if (step === undefined || roots === undefined) return undefined;
  const files = migration.section('sources')?.section('files');
  return {
    step,
    sinceMs: migration.timeMs('step_since'),
    served: migration.text('served'),
    heldUpBy: migration
      .list('held_up_by')
      .map((one) => ({ code: one.text('code') ?? '', detail: one.text('detail') ?? '' })),
    roots: { served: roots.texts('served'), files: roots.texts('files'), ca: roots.texts('ca') },
    hasValidFiles: files?.text('svid') === 'valid',
    stepFile: migration.text('step_file'),
  };
}
