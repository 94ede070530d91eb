import { type AuthenticatedWorkload, claimedPod } from '../authn/index.js';

/** Some 8 MB of them. Of more the oldest are forgotten, which makes their next request count as a first one. */
const MAX_HELD = 50_000;

/**
 * From this share of its life on a workload that asks again renews, as agents do at half of it. One that asks earlier
 * has lost its key, as after a restart.
 */
const RENEWS_FROM = 1 / 3;

/**
 * From this share of its life on a renewal is as urgent as a first request: callers that ask without end may hold the
 * places of renewals for as long as they like, and it must not wait until its certificate has expired.
 */
const WAITS_UNTIL = 2 / 3;

interface HeldLeaf {
  readonly renewsFromMs: number;
  readonly waitsUntilMs: number;
}

/**
 * Which workloads have a certificate that is valid for a while yet, as far as this Citadel has issued it: whose request
 * is a renewal, and can wait. Times are epoch milliseconds.
 */
export class HeldLeaves {
  private readonly leaves = new Map<string, HeldLeaf>();

  issued(workload: AuthenticatedWorkload, nowMs: number, notAfterMs: number): void {
    const key = keyOf(workload.podUid, workload.spiffeId.path);
    this.leaves.delete(key);
    const lifeMs = notAfterMs - nowMs;
    this.leaves.set(key, { renewsFromMs: nowMs + lifeMs * RENEWS_FROM, waitsUntilMs: nowMs + lifeMs * WAITS_UNTIL });
    const [oldest] = this.leaves.keys();
    if (this.leaves.size > MAX_HELD && oldest !== undefined) this.leaves.delete(oldest);
  }

  isRenewal({ podUid, spiffeId }: AuthenticatedWorkload, nowMs: number): boolean {
    return this.isHeld(keyOf(podUid, spiffeId.path), nowMs);
  }

  /**
   * The same by what a token says of itself, unverified: only ever a reason to let its caller wait. A token that lies
   * about it is verified all the same, or refused sooner.
   */
  isClaimedRenewal(authorization: readonly string[], nowMs: number): boolean {
    const claimed = this.leaves.size === 0 ? undefined : claimedPod(authorization);
    return claimed !== undefined && this.isHeld(keyOf(claimed.podUid, claimed.path), nowMs);
  }

  private isHeld(key: string, nowMs: number): boolean {
    const leaf = this.leaves.get(key);
    return leaf !== undefined && nowMs >= leaf.renewsFromMs && nowMs < leaf.waitsUntilMs;
  }
}

/** Pods of one service account have a certificate each; of a token that is bound to none there is only the account. */
function keyOf(podUid: string | undefined, path: string): string {
  return podUid === undefined ? path : `${podUid} ${path}`;
}
