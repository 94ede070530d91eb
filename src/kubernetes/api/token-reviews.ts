import type { ApiClient } from './api-client.js';
import { isJsonObject, pathOf, unfit } from './resource.js';

const TOKEN_REVIEWS = { group: 'authentication.k8s.io', version: 'v1', plural: 'tokenreviews' } as const;

/** What an API server says of a token. */
export type TokenReview =
  | { readonly kind: 'accepted'; readonly username: string; readonly audiences: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string };

/** Has the API server review tokens. (authentication.k8s.io/v1) The role `system:auth-delegator` allows it. */
export class TokenReviews {
  constructor(private readonly client: Pick<ApiClient, 'raw'>) {}

  /** @throws IdentityError as {@link ApiClient}. */
  async review(token: string, audiences: readonly string[]): Promise<TokenReview> {
    const call = { verb: 'create', resource: TOKEN_REVIEWS.plural, object: '' };
    const { group, version } = TOKEN_REVIEWS;
    const body = JSON.stringify({ apiVersion: `${group}/${version}`, kind: 'TokenReview', spec: { token, audiences } });
    const path = pathOf(TOKEN_REVIEWS, {});
    return readReview(await this.client.raw({ call, method: 'POST', path, body: Buffer.from(body) }));
  }
}

/** A token that is not accepted has no `authenticated`, and an `error`. */
function readReview(body: Buffer): TokenReview {
  const review = parsed(body);
  if (!isJsonObject(review) || !isJsonObject(review.status))
    throw unfit('create tokenreviews', 'no review', 'a status');
  const { authenticated, error, user, audiences } = review.status;
  if (authenticated !== true) {
    return { kind: 'refused', reason: typeof error === 'string' && error !== '' ? error : 'not authenticated' };
  }
  if (!isJsonObject(user) || typeof user.username !== 'string') {
    throw unfit('create tokenreviews', 'an accepted token without user', 'status.user.username');
  }
  return {
    kind: 'accepted',
    username: user.username,
    audiences: Array.isArray(audiences) ? audiences.filter((one): one is string => typeof one === 'string') : [],
  };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
