import { type Content, REMOVED } from './contents.js';
import type { ServedSecret } from './secret-source.js';
import type { Subscription } from './subscription-state.js';
import { NO_NAMES } from './wanted-names.js';

export interface NamedSecret {
  readonly name: string;
  readonly secret: ServedSecret;
  readonly content: Content;
}

/** What the store has, as one stream sees it. */
export interface SecretLookup {
  find(name: string): { readonly secret: ServedSecret; readonly content: Content } | undefined;
  /** Whether a delta client is to be told that the name can never have a secret. */
  isImpossible(name: string): boolean;
}

/** One response: secrets, or names of which a delta client is told that they do not exist. Never neither. */
export interface Sending {
  readonly secrets: readonly NamedSecret[];
  readonly removed: readonly string[];
}

const NO_SECRETS: readonly NamedSecret[] = [];

/**
 * Step 5: what to send now, or nothing. When anything is due, SotW sends all that is wanted and there (state of the
 * world: Envoy's unified mux takes a name that is left out for one that was removed, and NACKs that), and delta one
 * secret, so that a bad one keeps no other from Envoy. A name without content is parked.
 */
export function toSend(sub: Subscription, lookup: SecretLookup): Sending | undefined {
  const { form, names, outstanding } = sub;
  if (outstanding !== undefined && outstanding.stage !== 'late') return undefined;
  // Asked at each ACK, where as a rule nothing is due: so first without making anything.
  for (const name of names) {
    const found = lookup.find(name);
    if (found !== undefined && isDue(sub, name, found.content)) {
      // Nearly every stream has one name, and then the whole world is that.
      if (form === 'sotw' && names.length > 1) return stateOfTheWorld(sub, lookup);
      return { secrets: [{ name, secret: found.secret, content: found.content }], removed: NO_NAMES };
    }
    if (form === 'delta' && found === undefined && isDue(sub, name, REMOVED) && lookup.isImpossible(name)) {
      return { secrets: NO_SECRETS, removed: [name] };
    }
  }
  return undefined;
}

/** How a wanted name stands. `waiting`: for its content, or for its turn. */
export type NameState = 'applied' | 'rejected' | 'unanswered' | 'waiting';

/** `content` is the newest, if there is any: what was applied before is not it. */
export function stateOf(sub: Subscription, name: string, content: Content | undefined): NameState {
  const applied = sub.applied.get(name);
  if (sub.outstanding?.contents.has(name)) return 'unanswered';
  if (applied !== undefined && (content === undefined || applied.version === content.version)) return 'applied';
  return content !== undefined && sub.rejected.get(name)?.version === content.version ? 'rejected' : 'waiting';
}

function stateOfTheWorld(sub: Subscription, lookup: SecretLookup): Sending {
  const secrets: NamedSecret[] = [];
  for (const name of sub.names) {
    const found = lookup.find(name);
    if (found !== undefined && isOfItsKind(sub, name, found.content)) {
      secrets.push({ name, secret: found.secret, content: found.content });
    }
  }
  return { secrets, removed: NO_NAMES };
}

/** Whether there is content that the peer neither has, nor has refused, nor has on the way. */
function isDue(sub: Subscription, name: string, content: Content): boolean {
  const { applied, rejected, outstanding } = sub;
  const { version } = content;
  if (applied.get(name)?.version === version) return false;
  if (outstanding?.contents.get(name)?.version === version && !outstanding.voided.has(name)) return false;
  return rejected.get(name)?.version !== version && isOfItsKind(sub, name, content);
}

/**
 * Not a secret of another kind than before: an Envoy that waits for a trust bundle takes a certificate for an empty
 * one, and trusts every peer.
 */
function isOfItsKind({ applied, outstanding }: Subscription, name: string, content: Content): boolean {
  const known = outstanding?.contents.get(name)?.kind ?? applied.get(name)?.kind;
  return known === undefined || content.kind === undefined || known === content.kind;
}
