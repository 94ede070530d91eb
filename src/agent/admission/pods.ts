import { Field } from '../../telemetry/index.js';
import type { IdentityStatus, IssuedSvid } from '../identity/index.js';
import type { AcceptedToken } from './newest-token.js';
import { Pod, type PodHost, type PodOptions } from './pod.js';
import type { PodIdentity } from './pod-identity.js';

export interface PodsOptions extends PodOptions {
  /** Each costs a private key and its renewals: one more is refused, unless one that no stream holds can make room. */
  readonly maxPods: number;
}

/** A pod that an accepted token has led to. */
export interface FoundPod {
  readonly pod: Pod;
  /** The CA accepted the token not long ago. */
  readonly isFresh: boolean;
}

/** Where a pod's identity stands. */
export interface PodStatus extends IdentityStatus {
  readonly podUid: string | undefined;
  /** No stream holds it: it ends with its time of grace, unless one comes back. `undefined` of what does not end. */
  readonly isIdle: boolean | undefined;
}

/**
 * The served pods. One comes to be when the CA has accepted a token of it, and ends when no stream has wanted it for a
 * while, or sooner when its place is needed. A pod is found by the hash of an accepted token, never by what a token
 * claims.
 */
export class Pods implements PodHost {
  readonly #byKey = new Map<string, Pod>();
  readonly #byToken = new Map<string, Pod>();
  /**
   * Those that streams have held and left, the first to go first. A pod that a stream is about to hold is none of them.
   */
  readonly #left = new Set<Pod>();
  readonly #ending = new Set<Promise<void>>();
  #isClosed = false;

  constructor(private readonly options: PodsOptions) {}

  get size(): number {
    return this.#byKey.size;
  }

  /** True when any pod has one. */
  hasValidSvid(): boolean {
    for (const pod of this.#byKey.values()) if (pod.identity.hasValidSvid()) return true;
    return false;
  }

  statuses(): PodStatus[] {
    const ends = this.options.graceMs < Number.POSITIVE_INFINITY;
    return [...this.#byKey.values()].map(({ of, identity, isIdle }) => {
      return { ...identity.status(), podUid: of.podUid, isIdle: ends ? isIdle : undefined };
    });
  }

  /** The pod of a token that has been accepted before. */
  find(hash: string, token: Buffer): FoundPod | undefined {
    const pod = this.#byToken.get(hash);
    const standing = pod?.standingOf(hash, token) ?? 'unknown';
    if (pod === undefined || standing === 'unknown') return undefined;
    this.wanted(pod);
    return { pod, isFresh: standing === 'fresh' };
  }

  /** The CA has refused a token, which it may have accepted before. */
  refuse(hash: string): void {
    this.#byToken.get(hash)?.refuse(hash);
  }

  /** False when there are as many pods as may be, all wanted, and this is none of them. */
  hasRoomFor({ key }: PodIdentity): boolean {
    return !this.#isClosed && (!this.#isFull() || this.#left.size > 0 || this.#byKey.has(key));
  }

  /**
   * The pod of a token that the CA has just accepted, made if it is the first; `undefined` when there is no room for
   * it. Owns the SVID's bytes.
   */
  accept(of: PodIdentity, token: AcceptedToken, sealed: IssuedSvid, startedAtMs: number): Pod | undefined {
    if (!this.hasRoomFor(of)) {
      sealed.certificateBody.fill(0);
      return undefined;
    }
    const pod = this.#byKey.get(of.key) ?? this.#add(of);
    this.wanted(pod);
    this.#byToken.set(token.hash, pod);
    pod.accept(token, sealed, startedAtMs);
    return pod;
  }

  /** Ends all pods. Safe to call twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const pod of this.#byKey.values()) this.#end(pod);
    await Promise.all(this.#ending);
  }

  #isFull(): boolean {
    return this.#byKey.size >= this.options.maxPods;
  }

  #add(of: PodIdentity): Pod {
    const [longestLeft] = this.#left;
    if (longestLeft !== undefined && this.#isFull()) this.#end(longestLeft);
    const pod = new Pod(of, this.options, this);
    this.#byKey.set(of.key, pod);
    return pod;
  }

  /** For the pod. */
  passLost(hash: string): void {
    this.#byToken.delete(hash);
  }

  /** For the pod, and for who gives it to a stream that is about to hold it. */
  wanted(pod: Pod): void {
    this.#left.delete(pod);
  }

  /** For the pod. */
  left(pod: Pod): void {
    // Who stays for ever makes no room either.
    if (this.options.graceMs < Number.POSITIVE_INFINITY) this.#left.add(pod);
  }

  /** For the pod. */
  abandoned(pod: Pod): void {
    const { spiffeId, podUid } = pod.of;
    const fields = { [Field.spiffeId]: spiffeId.toString(), [Field.podUid]: podUid };
    this.options.logger.debug('idle identity ended, its key is wiped', fields);
    this.#end(pod);
  }

  #end(pod: Pod): void {
    this.#left.delete(pod);
    this.#byKey.delete(pod.of.key);
    const ending = pod.close().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
