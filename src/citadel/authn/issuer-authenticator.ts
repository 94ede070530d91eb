import { quoted, readClaims, throwIfTooLong } from '../../pki/service-account/index.js';
import { refused } from '../../pki/token-keys/index.js';
import type { AuthenticatedWorkload, Authenticator } from './authenticator.js';

/**
 * Authenticates a token by what there is for its issuer, or else by `others`. The issuer that an unverified token names
 * only chooses who looks at it: that one verifies it, and its claim `iss` too.
 * @throws IdentityError as they do; `ERR_TOKEN_REFUSED`: there is none for its issuer.
 */
export function issuerAuthenticator(
  byIssuer: ReadonlyMap<string, Authenticator>,
  others: Authenticator | undefined,
): Authenticator {
  return {
    async authenticate(bearerToken, span): Promise<AuthenticatedWorkload> {
      throwIfTooLong(bearerToken);
      const issuer = readClaims(bearerToken.split('.', 2)[1] ?? '')?.iss;
      const chosen = typeof issuer === 'string' ? byIssuer.get(issuer) : undefined;
      // Pods that another issuer tells of are none of this cluster.
      if (chosen !== undefined) return { ...(await chosen.authenticate(bearerToken, span)), podUid: undefined };
      if (others !== undefined) return others.authenticate(bearerToken, span);
      throw refused(`issuer: got ${quoted(issuer)}, unverified, expected one of ${[...byIssuer.keys()].join(', ')}`);
    },
  };
}
