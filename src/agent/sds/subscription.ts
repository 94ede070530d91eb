import { type Content, type Contents, merged, only } from './contents.js';
import { blamedKind, liftedBy, type Rejection } from './rejection.js';
import type { SecretKind } from './secret-kind.js';
import type { SecretLookup } from './sending.js';
import type { Form, Outstanding, Rejections, Subscription, XdsRequest } from './subscription-state.js';
import { areEqual, changing, NO_NAMES, wanting } from './wanted-names.js';

/**
 * What a request says of our last response. `idle`: it says nothing of one, and only tells what is wanted. `repeat`:
 * nor does it, and it wants what was wanted before: another subscriber has come. (xDS protocol, "ACK and NACK"; names
 * are a second question, see {@link onRequest})
 */
export type RequestMeaning =
  | { readonly kind: 'initial' | 'stale' | 'idle' | 'repeat' }
  | { readonly kind: 'ack'; readonly answered: Outstanding }
  | {
      readonly kind: 'nack';
      readonly answered: Outstanding;
      readonly reason: string;
      /** The kind of secret that the reason speaks of, when it says. */
      readonly blames: SecretKind | undefined;
    };

/**
 * How long a response may go without ACK or NACK before newer content is sent all the same, and after that before the
 * stream is given up. Envoy answers within milliseconds, but has a path that drops a message without any answer.
 */
const ANSWER_TIMEOUT_MS = 30_000;

const NO_CONTENTS: Contents = new Map();
const NO_REJECTIONS: Rejections = new Map();
const NO_KINDS: readonly SecretKind[] = [];
const NONE_VOIDED: ReadonlySet<string> = new Set();

/** No content has it. */
const UNKNOWN_VERSION = '';

/** A stream on which nothing has been said. */
export const NEW_SUBSCRIPTION: Readonly<Record<Form, Subscription>> = { sotw: fresh('sotw'), delta: fresh('delta') };

function fresh(form: Form): Subscription {
  return {
    form,
    hasStarted: false,
    names: NO_NAMES,
    outstanding: undefined,
    applied: NO_CONTENTS,
    isRepeatOwed: false,
    rejected: NO_REJECTIONS,
  };
}

const INITIAL: RequestMeaning = { kind: 'initial' };
const STALE: RequestMeaning = { kind: 'stale' };
const IDLE: RequestMeaning = { kind: 'idle' };
const REPEAT: RequestMeaning = { kind: 'repeat' };

/**
 * Says what a request means. A nonce belongs to its stream, so in the first request it means nothing: a reconnecting
 * Envoy may echo an old one. A NACK is known by its error alone; its version is that of an earlier response.
 *
 * `isShared`: whether the stream carries the requests of several subscribers, as ADS does. On one that does not, a
 * request that repeats the last one is a second ACK, and means nothing.
 */
function classify(sub: Subscription, request: XdsRequest, isShared: boolean): RequestMeaning {
  if (!sub.hasStarted) return INITIAL;
  const { outstanding } = sub;
  if (outstanding === undefined) return isRepeated(sub, request, isShared) ? REPEAT : IDLE;
  if (request.nonce !== outstanding.nonce) return sub.form === 'delta' && request.nonce === '' ? IDLE : STALE;
  if (request.error === undefined) return { kind: 'ack', answered: outstanding };
  return { kind: 'nack', answered: outstanding, reason: request.error, blames: blamedKind(request.error) };
}

/**
 * Envoy's classic mux tells of another subscriber by the same request again, with the last nonce, or with none before
 * the first response. While a response is outstanding there is nothing to do: Envoy gives it to all that are there when
 * it comes.
 */
function isRepeated(sub: Subscription, { names, nonce, error }: XdsRequest, isShared: boolean): boolean {
  if (sub.form !== 'sotw' || error !== undefined || names.length === 0) return false;
  return (isShared || nonce === '') && areEqual(names, sub.names);
}

/** Steps 1 to 4. The names count whatever the nonce is: else a change that crosses a push is lost for ever. */
export function onRequest(
  sub: Subscription,
  request: XdsRequest,
  isShared = false,
): { next: Subscription; verdict: RequestMeaning } {
  const verdict = classify(sub, request, isShared);
  const next = answered(sub, verdict, request);
  return { verdict, next: sub.form === 'sotw' ? wanting(next, request.names) : changing(next, request) };
}

/**
 * Step 6, as far as it is state: which rejected content may be offered again, because what its NACK blamed has changed;
 * also when that NACK is still on its way to us.
 */
export function onChanged(sub: Subscription, changed: readonly string[], lookup: SecretLookup): Subscription {
  const { outstanding, rejected } = sub;
  if (outstanding === undefined && rejected.size === 0) return sub;
  const isCuredBy = (own: string, kinds: readonly SecretKind[]): boolean =>
    changed.some((name) => name !== own && includes(kinds, lookup.find(name)?.content.kind));
  return {
    ...sub,
    outstanding: outstanding && overtaken(outstanding, changed, lookup),
    rejected: only(rejected, (name, { liftedBy }) => liftedBy.length === 0 || !isCuredBy(name, liftedBy)),
  };
}

/**
 * A repeated request is to be answered now: all that is wanted and was not refused is due, as if it had never been
 * sent. How often, is the caller's to decide. Of what was applied the kind is kept: a name never changes it.
 */
export function onRepeat(sub: Subscription): Subscription {
  const applied = new Map([...sub.applied].map(([name, { kind }]) => [name, { version: UNKNOWN_VERSION, kind }]));
  return { ...sub, applied, isRepeatOwed: false };
}

/** After the send of what {@link toSend} gave. */
export function onSent(
  sub: Subscription,
  sent: Pick<Outstanding, 'nonce' | 'contents' | 'cause'> & { readonly nowMs: number },
): Subscription {
  const { nonce, contents, cause, nowMs } = sent;
  const { form, hasStarted, names, applied, rejected } = sub;
  const outstanding: Outstanding = {
    nonce,
    contents,
    cause,
    sentAtMs: nowMs,
    deadlineMs: nowMs + ANSWER_TIMEOUT_MS,
    stage: sub.outstanding === undefined ? 'fresh' : 'second',
    overtakenBy: NO_KINDS,
    voided: NONE_VOIDED,
  };
  // SotW sends all that is wanted: that is the answer to a repeated request as well.
  return { form, hasStarted, names, outstanding, applied, isRepeatOwed: false, rejected };
}

/** Step 7. `late`: newer content may go out now. `dead`: never answered, the stream has to end. */
export function onTime(sub: Subscription, nowMs: number): { next: Subscription; verdict: 'fine' | 'late' | 'dead' } {
  const { outstanding } = sub;
  if (outstanding === undefined || nowMs < outstanding.deadlineMs) return { next: sub, verdict: 'fine' };
  if (outstanding.stage !== 'fresh') return { next: sub, verdict: 'dead' };
  const late = { ...outstanding, stage: 'late', deadlineMs: nowMs + ANSWER_TIMEOUT_MS } as const;
  return { next: { ...sub, outstanding: late }, verdict: 'late' };
}

function answered(sub: Subscription, verdict: RequestMeaning, { nonce, error }: XdsRequest): Subscription {
  switch (verdict.kind) {
    case 'initial':
      return { ...sub, hasStarted: true };
    case 'stale':
      return sub;
    case 'idle':
      // SotW, no nonce, nothing outstanding, other names: a new subscriber behind the same stream, who needs all of it.
      return sub.form === 'sotw' && nonce === '' && error === undefined ? { ...sub, applied: NO_CONTENTS } : sub;
    case 'repeat':
      return { ...sub, isRepeatOwed: true };
    case 'ack': {
      const { form, hasStarted, names, isRepeatOwed } = sub;
      const newer = appliedBy(sub, verdict.answered);
      const applied = merged(sub.applied, newer);
      const rejected = sub.rejected.size === 0 ? sub.rejected : only(sub.rejected, (name) => !newer.has(name));
      return { form, hasStarted, names, outstanding: undefined, applied, isRepeatOwed, rejected };
    }
    case 'nack': {
      const wanted = new Set(sub.names);
      const rejected = only(rejectionsOf(verdict.answered, verdict.blames), (name) => wanted.has(name));
      return { ...sub, outstanding: undefined, rejected: merged(sub.rejected, rejected) };
    }
    default:
      return verdict satisfies never;
  }
}

/** What an ACK speaks for: not what was refused before and went along, which Envoy takes for what it knows already. */
function appliedBy({ rejected }: Subscription, { contents, voided }: Outstanding): Contents {
  if (voided.size + rejected.size === 0) return contents;
  return only(contents, (name, { version }) => !voided.has(name) && rejected.get(name)?.version !== version);
}

/** What a NACK leaves refused: not what it does not blame, when that which it may blame has changed already. */
function rejectionsOf({ contents, overtakenBy }: Outstanding, blames: SecretKind | undefined): Rejections {
  const rejections = new Map<string, Rejection>();
  const countOfKind = new Map<Content['kind'], number>();
  for (const { kind } of contents.values()) countOfKind.set(kind, (countOfKind.get(kind) ?? 0) + 1);
  for (const [name, { version, kind }] of contents) {
    const lifting = liftedBy(kind, blames, countOfKind.get(kind) === 1);
    if (!lifting.some((lifted) => overtakenBy.includes(lifted))) rejections.set(name, { version, liftedBy: lifting });
  }
  return rejections;
}

function overtaken(outstanding: Outstanding, changed: readonly string[], lookup: SecretLookup): Outstanding {
  const { contents, overtakenBy } = outstanding;
  const kinds = new Set(overtakenBy);
  for (const name of changed) {
    const kind = lookup.find(name)?.content.kind;
    // Alone in a response, a secret has no partner in itself.
    if (kind !== undefined && (contents.size > 1 || !contents.has(name))) kinds.add(kind);
  }
  return kinds.size === overtakenBy.length ? outstanding : { ...outstanding, overtakenBy: [...kinds] };
}

function includes(kinds: readonly SecretKind[], kind: SecretKind | undefined): boolean {
  return kind !== undefined && kinds.includes(kind);
}
