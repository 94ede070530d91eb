import { checkToken, type TokenExpectations, type TokenKeys } from '../../pki/token-keys/index.js';
import { inSpan } from '../../telemetry/index.js';
import type { AuthenticatedWorkload, Authenticator } from './authenticator.js';
import { readWorkload, type WorkloadOptions } from './service-account-claims.js';

export interface TokenAuthenticatorOptions extends TokenExpectations, WorkloadOptions {}

/**
 * Verifies service-account JWTs by the cluster's public keys, without a call: signature, issuer, audience, time and
 * subject. What such a check cannot know: whether the token's pod or service account still exists.
 */
export function tokenAuthenticator(source: TokenKeys, options: TokenAuthenticatorOptions): Authenticator {
  return {
    async authenticate(bearerToken, span): Promise<AuthenticatedWorkload> {
      const found = await inSpan(span, 'citadel.verify_token', () => checkToken(bearerToken, source, options));
      if (found.kind === 'unknown-key') throw found.reason;
      return readWorkload(found.claims, options);
    },
  };
}
