import { createHash } from 'node:crypto';
import { quoted } from '../../pki/service-account/index.js';
import { refused } from '../../pki/token-keys/index.js';
import type { AuthenticatedWorkload, Authenticator } from './authenticator.js';

/** Who knows more of a token than its signature says: an API server, by its TokenReview. */
export interface TokenReviewer {
  /** Rejects with an IdentityError when it cannot be asked. */
  review(token: string, audiences: readonly string[]): Promise<ReviewedToken>;
}

export type ReviewedToken =
  | { readonly kind: 'accepted'; readonly username: string; readonly audiences: readonly string[] }
  /** Its pod, its service account or its namespace is gone, say. The reason is for the log. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface TokenReviewOptions {
  readonly reviewer: TokenReviewer;
  readonly audiences: readonly string[];
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * How long an answer is good for: an agent that retries, or renews the certificates of a restarted Envoy, asks several
 * times within seconds. A pod that was deleted gets certificates for so long after that.
 */
const MEMORY_MS = 10_000;

/** Tokens whose answer is kept: more than ask within {@link MEMORY_MS}, at a hundred bytes each. */
const MAX_REMEMBERED = 20_000;

/**
 * Authenticates by `first`, which costs no call, and has the API server review the tokens that it accepts: whether the
 * pod, the service account and the namespace of a token still exist is known there alone. A forged token never gets
 * that far. Rejects as `first` does, with `ERR_TOKEN_REFUSED` when the reviewer refuses, and with the reviewer's error
 * when it cannot be asked.
 */
export function reviewedAuthenticator(first: Authenticator, options: TokenReviewOptions): Authenticator {
  const reviews = new Reviews(options);
  return {
    async authenticate(bearerToken): Promise<AuthenticatedWorkload> {
      const workload = await first.authenticate(bearerToken);
      const review = await reviews.of(bearerToken);
      if (review.kind === 'refused') throw refused(`was refused by the API server: ${quoted(review.reason)}`);
      if (pathOfUser(review.username) !== workload.spiffeId.path) {
        throw refused(`was reviewed as that of ${quoted(review.username)}, expected ${workload.spiffeId.path}`);
      }
      // API servers that know nothing of audiences name none. (authentication.k8s.io/v1 TokenReviewStatus)
      if (!review.audiences.some((audience) => options.audiences.includes(audience))) {
        throw refused(
          `was reviewed for the audiences ${quoted(review.audiences)}, expected ${options.audiences.join(', ')}`,
        );
      }
      return workload;
    },
  };
}

/** The path of the SPIFFE ID of a service account, by its user name in Kubernetes. */
function pathOfUser(username: string): string {
  const [, namespace, account] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? [];
  return `/ns/${namespace}/sa/${account}`;
}

interface Remembered {
  readonly untilMs: number;
  readonly answer: Promise<ReviewedToken>;
}

/** One call for all who bring the same token at the same time, and within some seconds after that. */
class Reviews {
  /** By the hash of the token, the oldest first. */
  private readonly remembered = new Map<string, Remembered>();

  constructor(private readonly options: TokenReviewOptions) {}

  of(token: string): Promise<ReviewedToken> {
    const { reviewer, audiences, now } = this.options;
    const nowMs = now();
    const key = createHash('sha256').update(token).digest('base64');
    const known = this.remembered.get(key);
    // A clock that was set back must not prolong it.
    if (known !== undefined && nowMs < known.untilMs && nowMs >= known.untilMs - MEMORY_MS) return known.answer;
    const answer = reviewer.review(token, audiences);
    this.remember(key, { untilMs: nowMs + MEMORY_MS, answer });
    // What could not be asked is asked again by the next.
    answer.catch(() => {
      if (this.remembered.get(key)?.answer === answer) this.remembered.delete(key);
    });
    return answer;
  }

  private remember(key: string, one: Remembered): void {
    const nowMs = this.options.now();
    this.remembered.delete(key);
    this.remembered.set(key, one);
    for (const [oldest, { untilMs }] of this.remembered) {
      if (untilMs > nowMs && this.remembered.size <= MAX_REMEMBERED) break;
      this.remembered.delete(oldest);
    }
  }
}
