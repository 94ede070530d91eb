import { JwksFile, type JwksFileOptions } from '../../pki/token-keys/index.js';
import type { Authenticator } from './authenticator.js';
import { type TokenAuthenticatorOptions, tokenAuthenticator } from './token-authenticator.js';

export interface JwksAuthenticatorOptions extends JwksFileOptions, TokenAuthenticatorOptions {}

/**
 * Verifies service-account JWTs by the keys of a file, without a call: see {@link tokenAuthenticator}.
 * @throws IdentityError `ERR_JWKS_INVALID` when the file cannot be used at start.
 */
export async function createJwksAuthenticator(options: JwksAuthenticatorOptions): Promise<Authenticator> {
  return tokenAuthenticator(await JwksFile.open(options), options);
}
