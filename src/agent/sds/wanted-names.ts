import { only } from './contents.js';
import type { Outstanding, Subscription, XdsRequest } from './subscription-state.js';

/** Of a stream that asks for nothing. */
export const NO_NAMES: readonly string[] = [];

/** Whether any of `names` is wanted. */
export function wantsAny({ names: wanted }: Subscription, names: readonly string[]): boolean {
  for (let index = 0; index < names.length; index += 1) if (wanted.includes(names[index] ?? '')) return true;
  return false;
}

/** Whether both lists have the same names in the same order. */
export function areEqual(names: readonly string[], others: readonly string[]): boolean {
  if (names.length !== others.length) return false;
  // Asked for each ACK: without a closure.
  for (let index = 0; index < names.length; index += 1) if (names[index] !== others[index]) return false;
  return true;
}

/** SotW: `names` are all that is wanted. */
export function wanting(sub: Subscription, names: readonly string[]): Subscription {
  if (areEqual(names, sub.names)) return sub;
  const wanted = new Set(names);
  return { ...forgetting(sub, (name) => !wanted.has(name)), names };
}

/**
 * Delta: a name that is subscribed to is sent, whatever the client says that it has; one that is in both lists is
 * wanted from now on, and sent.
 */
export function changing(sub: Subscription, { names, unsubscribed }: XdsRequest): Subscription {
  if (names.length + unsubscribed.length === 0) return sub;
  const dropped = new Set(unsubscribed);
  const kept = forgetting(sub, (name) => dropped.has(name));
  const asked = new Set(names);
  return {
    ...kept,
    names: [...new Set([...sub.names.filter((name) => !dropped.has(name)), ...names])],
    outstanding: voiding(kept.outstanding, (name) => asked.has(name)),
    applied: only(kept.applied, (name) => !asked.has(name)),
  };
}

function forgetting(sub: Subscription, isDropped: (name: string) => boolean): Subscription {
  return {
    ...sub,
    outstanding: voiding(sub.outstanding, isDropped),
    applied: only(sub.applied, (name) => !isDropped(name)),
    rejected: only(sub.rejected, (name) => !isDropped(name)),
  };
}

function voiding(outstanding: Outstanding | undefined, isVoid: (name: string) => boolean): Outstanding | undefined {
  if (outstanding === undefined) return undefined;
  const { contents, voided } = outstanding;
  const more = [...contents.keys()].filter((name) => isVoid(name) && !voided.has(name));
  return more.length === 0 ? outstanding : { ...outstanding, voided: new Set([...voided, ...more]) };
}
