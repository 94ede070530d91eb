import { createHash } from 'node:crypto';
import { quoted } from '../../pki/service-account/index.js';
import { refused } from '../../pki/token-keys/index.js';
import { inSpan } from '../../telemetry/index.js';
import type { AuthenticatedWorkload, Authenticator } from './authenticator.js';
import { ShortMemory } from './short-memory.js';

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
 * Authenticates by `first`, which costs no call, and has the API server review the tokens that it accepts: whether the
 * pod, the service account and the namespace of a token still exist is known there alone. A forged token never gets
 * that far. Rejects as `first` does, with `ERR_TOKEN_REFUSED` when the reviewer refuses, and with the reviewer's error
 * when it cannot be asked.
 */
export function reviewedAuthenticator(first: Authenticator, options: TokenReviewOptions): Authenticator {
  const { reviewer, audiences, now } = options;
  const reviews = new ShortMemory<ReviewedToken>(now);
  return {
    async authenticate(bearerToken, span): Promise<AuthenticatedWorkload> {
      const workload = await first.authenticate(bearerToken, span);
      const key = createHash('sha256').update(bearerToken).digest('base64');
      const ask = () => reviews.of(key, () => reviewer.review(bearerToken, audiences));
      const review = await inSpan(span, 'citadel.token_review', ask);
      if (review.kind === 'refused') throw refused(`was refused by the API server: ${quoted(review.reason)}`);
      if (pathOfUser(review.username) !== workload.spiffeId.path) {
        throw refused(`was reviewed as that of ${quoted(review.username)}, expected ${workload.spiffeId.path}`);
      }
      // API servers that know nothing of audiences name none. (authentication.k8s.io/v1 TokenReviewStatus)
      if (!review.audiences.some((audience) => audiences.includes(audience))) {
        throw refused(`was reviewed for the audiences ${quoted(review.audiences)}, expected ${audiences.join(', ')}`);
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
