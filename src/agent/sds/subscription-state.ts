import type { Contents } from './contents.js';
import type { Rejection } from './rejection.js';
import type { SecretKind } from './secret-kind.js';

/** State of the world, or delta. */
export type Form = 'sotw' | 'delta';

/** By name. */
export type Rejections = ReadonlyMap<string, Rejection>;

/**
 * What one stream wants, has and has refused, of one type. Immutable; the functions of subscription.ts take it from
 * state to state, and hold no clock, no I/O and no log. The seven steps of reference/sds.md 1.13.
 *
 * Every name in a map is also in `names`: a name that is dropped is forgotten, so when it is asked for again it is
 * sent again, even if unchanged. (Envoy may have a new listener that waits for it.)
 */
export interface Subscription {
  readonly form: Form;
  readonly hasStarted: boolean;
  /** Wanted, each once, in the order asked for. */
  readonly names: readonly string[];
  /** The response that has no answer yet. */
  readonly outstanding: Outstanding | undefined;
  /** ACKed. */
  readonly applied: Contents;
  /** SotW: all names are asked for again by another subscriber, and not sent since. See `onRepeat`. */
  readonly isRepeatOwed: boolean;
  /** NACKed; not sent again until the content changes, or what the NACK blamed: see `onChanged`. */
  readonly rejected: Rejections;
}

export interface Outstanding {
  readonly nonce: string;
  readonly contents: Contents;
  /** What it was sent for: an answer to a request, or a secret that changed. */
  readonly cause: 'request' | 'change';
  /** Epoch milliseconds. */
  readonly sentAtMs: number;
  /** Epoch milliseconds: when `onTime` looks at it next. */
  readonly deadlineMs: number;
  /** `late`: unanswered for too long, newer content may go after it. `second`: went after a late one. */
  readonly stage: 'fresh' | 'late' | 'second';
  /** Kinds of which another secret has changed since it was sent, so that a NACK of it may speak of that as it was. */
  readonly overtakenBy: readonly SecretKind[];
  /** Names in it that were dropped or asked for again since: its ACK does not speak for them. */
  readonly voided: ReadonlySet<string>;
}

/** The part of a request that the protocol decides by. */
export interface XdsRequest {
  /** SotW: all that is wanted. Delta: what is wanted from now on, too. Each once. */
  readonly names: readonly string[];
  /** Delta: what is no longer wanted. */
  readonly unsubscribed: readonly string[];
  readonly nonce: string;
  /** Of `error_detail`; `undefined` when that field is absent. */
  readonly error: string | undefined;
}
