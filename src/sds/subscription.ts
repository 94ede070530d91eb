import type { ServedSecret } from './secret-source.js';

/** Version by resource name. */
export type Versions = ReadonlyMap<string, string>;

/**
 * What one SotW stream wants, has and has refused. Immutable; the functions below take it from state to state, and
 * hold no clock, no I/O and no log. The seven steps of reference/sds.md 1.13.
 *
 * Every name in a map is also in `names`: a name that is dropped is forgotten, so when it is asked for again it is
 * sent again, even if unchanged. (Envoy may have a new listener that waits for it.)
 */
export interface Subscription {
  readonly hasStarted: boolean;
  /** Wanted, each once, in the order asked for. */
  readonly names: readonly string[];
  /** The response that has no answer yet. */
  readonly outstanding: Outstanding | undefined;
  /** ACKed. */
  readonly applied: Versions;
  /** NACKed; not sent again until the content changes, or that of its partner: see {@link onChanged}. */
  readonly rejected: Versions;
}

export interface Outstanding {
  readonly nonce: string;
  readonly versions: Versions;
  /** Epoch milliseconds. */
  readonly sentAtMs: number;
  /** Epoch milliseconds: when {@link onTime} looks at it next. */
  readonly deadlineMs: number;
  /** `late`: unanswered for too long, newer content may go after it. `second`: went after a late one. */
  readonly stage: 'fresh' | 'late' | 'second';
  /** A partner of what it holds has changed since it was sent, so that a NACK of it may speak of the partner as it was. */
  readonly isOvertaken: boolean;
}

/** The part of a DiscoveryRequest that the protocol decides by. */
export interface SotwRequest {
  /** Each once. */
  readonly names: readonly string[];
  readonly nonce: string;
  /** Of `error_detail`; `undefined` when that field is absent. */
  readonly error: string | undefined;
}

/**
 * What a request says of our last response. `idle`: nothing was outstanding, so it only tells what is wanted.
 * (xDS protocol, "ACK and NACK"; names are a second question, see {@link onRequest})
 */
export type Verdict =
  | { readonly kind: 'initial' | 'stale' | 'idle' }
  | { readonly kind: 'ack'; readonly answered: Outstanding }
  | { readonly kind: 'nack'; readonly answered: Outstanding; readonly reason: string };

export interface NamedSecret {
  readonly name: string;
  readonly secret: ServedSecret;
}

/**
 * How long a response may go without ACK or NACK before newer content is sent all the same, and after that before the
 * stream is given up. Envoy answers within milliseconds, but has a path that drops a message without any answer.
 */
export const ANSWER_TIMEOUT_MS = 30_000;

const NO_VERSIONS: Versions = new Map();
const NOTHING: readonly NamedSecret[] = [];

/** A stream on which nothing has been said. */
export const NEW_SUBSCRIPTION: Subscription = {
  hasStarted: false,
  names: [],
  outstanding: undefined,
  applied: NO_VERSIONS,
  rejected: NO_VERSIONS,
};

/**
 * Says what a request means. A nonce belongs to its stream, so in the first request it means nothing: a reconnecting
 * Envoy may echo an old one. A NACK is known by its error alone; its version is that of an earlier response.
 */
export function classify(sub: Subscription, request: SotwRequest): Verdict {
  if (!sub.hasStarted) return { kind: 'initial' };
  const { outstanding } = sub;
  if (outstanding === undefined) return { kind: 'idle' };
  if (request.nonce !== outstanding.nonce) return { kind: 'stale' };
  if (request.error === undefined) return { kind: 'ack', answered: outstanding };
  return { kind: 'nack', answered: outstanding, reason: request.error };
}

/** Steps 1 to 4. The names count whatever the nonce is: else a change that crosses a push is lost for ever. */
export function onRequest(sub: Subscription, request: SotwRequest): { next: Subscription; verdict: Verdict } {
  const verdict = classify(sub, request);
  return { verdict, next: wanting(request.names, answered(sub, verdict, request.nonce)) };
}

/**
 * Step 6, as far as it is state: which rejected content may be offered again. Envoy builds a TLS context from a pair of
 * secrets, and NACKs the one that came last whichever is at fault; so a change of any other name lifts a rejection once,
 * also one that is still on its way to us.
 */
export function onChanged(sub: Subscription, changed: readonly string[]): Subscription {
  const hasNewPartner = (name: string): boolean => changed.some((other) => other !== name);
  const { outstanding, rejected } = sub;
  const isOvertaken = outstanding !== undefined && [...outstanding.versions.keys()].some(hasNewPartner);
  if (!isOvertaken && rejected.size === 0) return sub;
  return {
    ...sub,
    outstanding: isOvertaken ? { ...outstanding, isOvertaken } : outstanding,
    rejected: only(rejected, (name) => !hasNewPartner(name)),
  };
}

/**
 * Step 5: what to send now, or nothing. When anything is due, all that is wanted and there goes out (state of the
 * world); a name without content is parked and waits for it.
 */
export function toSend(
  sub: Subscription,
  secretOf: (name: string) => ServedSecret | undefined,
): readonly NamedSecret[] {
  const { outstanding } = sub;
  if (outstanding !== undefined && outstanding.stage !== 'late') return NOTHING;
  // Asked at each ACK, where as a rule nothing is due: so first without making anything.
  if (!sub.names.some((name) => isDue(sub, name, secretOf(name)))) return NOTHING;
  const available: NamedSecret[] = [];
  for (const name of sub.names) {
    const secret = secretOf(name);
    if (secret !== undefined) available.push({ name, secret });
  }
  return available;
}

/** After the send of what {@link toSend} gave. */
export function onSent(
  sub: Subscription,
  sent: { readonly nonce: string; readonly secrets: readonly NamedSecret[]; readonly nowMs: number },
): Subscription {
  const versions = new Map<string, string>();
  for (const { name, secret } of sent.secrets) versions.set(name, secret.version);
  const stage = sub.outstanding === undefined ? 'fresh' : 'second';
  const deadlineMs = sent.nowMs + ANSWER_TIMEOUT_MS;
  const outstanding = {
    nonce: sent.nonce,
    versions,
    sentAtMs: sent.nowMs,
    deadlineMs,
    stage,
    isOvertaken: false,
  } as const;
  return { ...sub, outstanding };
}

/** Step 7. `late`: newer content may go out now. `dead`: never answered, the stream has to end. */
export function onTime(sub: Subscription, nowMs: number): { next: Subscription; verdict: 'fine' | 'late' | 'dead' } {
  const { outstanding } = sub;
  if (outstanding === undefined || nowMs < outstanding.deadlineMs) return { next: sub, verdict: 'fine' };
  if (outstanding.stage !== 'fresh') return { next: sub, verdict: 'dead' };
  const late = { ...outstanding, stage: 'late', deadlineMs: nowMs + ANSWER_TIMEOUT_MS } as const;
  return { next: { ...sub, outstanding: late }, verdict: 'late' };
}

function answered(sub: Subscription, verdict: Verdict, nonce: string): Subscription {
  switch (verdict.kind) {
    case 'initial':
      return { ...sub, hasStarted: true };
    case 'stale':
      return sub;
    case 'idle':
      // No nonce and nothing outstanding: a new subscriber behind the same stream, who needs all of it.
      return nonce === '' ? { ...sub, applied: NO_VERSIONS } : sub;
    case 'ack':
      return settled(sub, { applied: verdict.answered.versions, rejected: NO_VERSIONS });
    case 'nack':
      return settled(sub, {
        applied: NO_VERSIONS,
        rejected: verdict.answered.isOvertaken ? NO_VERSIONS : verdict.answered.versions,
      });
    default:
      return verdict satisfies never;
  }
}

/** The outstanding response is answered; what it held moves to where the answer puts it. */
function settled(sub: Subscription, { applied, rejected }: { applied: Versions; rejected: Versions }): Subscription {
  return {
    ...sub,
    outstanding: undefined,
    applied: merged(sub.applied, applied),
    rejected: merged(
      only(sub.rejected, (name) => !applied.has(name)),
      rejected,
    ),
  };
}

function wanting(names: readonly string[], sub: Subscription): Subscription {
  if (names.length === sub.names.length && names.every((name, index) => name === sub.names[index])) return sub;
  const wanted = new Set(names);
  const isWanted = (name: string): boolean => wanted.has(name);
  const { outstanding } = sub;
  return {
    ...sub,
    names,
    outstanding: outstanding && { ...outstanding, versions: only(outstanding.versions, isWanted) },
    applied: only(sub.applied, isWanted),
    rejected: only(sub.rejected, isWanted),
  };
}

/** Whether there is content that the peer neither has, nor has refused, nor has on the way. */
function isDue(
  { applied, rejected, outstanding }: Subscription,
  name: string,
  secret: ServedSecret | undefined,
): boolean {
  if (secret === undefined) return false;
  const { version } = secret;
  return applied.get(name) !== version && rejected.get(name) !== version && outstanding?.versions.get(name) !== version;
}

function only(versions: Versions, keep: (name: string) => boolean): Versions {
  if (versions.size === 0) return versions;
  const kept = new Map<string, string>();
  for (const [name, version] of versions) if (keep(name)) kept.set(name, version);
  return kept.size === versions.size ? versions : kept;
}

function merged(versions: Versions, newer: Versions): Versions {
  if (newer.size === 0) return versions;
  for (const name of versions.keys()) if (!newer.has(name)) return new Map([...versions, ...newer]);
  // The usual case, one name a stream: the response's own map is the answer, shared and not copied.
  return newer;
}
