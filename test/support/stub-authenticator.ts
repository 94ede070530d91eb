import type { Authenticator } from '../../src/citadel/authn/index.js';
import { IdentityError } from '../../src/errors/index.js';
import { SpiffeId } from '../../src/pki/spiffe/index.js';

/** Takes every token for one of `foo/sleep`, but for those for which `refusal` has a reason. */
export function stubAuthenticator(refusal: (token: string) => string | undefined): Authenticator {
  return {
    async authenticate(token) {
      const reason = refusal(token);
      if (reason !== undefined) throw new IdentityError('ERR_TOKEN_REFUSED', reason);
      const spiffeId = SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep');
      return { spiffeId, podName: undefined, tokenExpiresAtMs: Date.now() + 3_600_000 };
    },
  };
}
