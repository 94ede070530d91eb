import type { Authenticator } from './authenticator.js';
import { JwksFile, type JwksFileOptions } from './jwks-file.js';
import { type TokenExpectations, tokenAuthenticator } from './token-authenticator.js';

export interface JwksAuthenticatorOptions extends JwksFileOptions, TokenExpectations {}

/**
 * Verifies service-account JWTs by the keys of a file, without a call: see {@link tokenAuthenticator}.
 * @throws IdentityError `ERR_JWKS_INVALID` when the file cannot be used at start.
 */
export async function createJwksAuthenticator(options: JwksAuthenticatorOptions): Promise<Authenticator> {
  return tokenAuthenticator(await JwksFile.open(options), options);
}
