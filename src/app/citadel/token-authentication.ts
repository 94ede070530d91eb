import {
  type Authenticator,
  createJwksAuthenticator,
  PublishedKeys,
  tokenAuthenticator,
} from '../../citadel/authn/index.js';
import type { CitadelConfig } from '../../config/index.js';
import { IdentityError } from '../../errors/index.js';
import type { AppContext } from '../running-app.js';
import type { Cluster } from './cluster.js';

export interface TokenAuthentication {
  readonly authenticator: Authenticator;
  /** Those of the API server, where they are used. */
  readonly keys: PublishedKeys | undefined;
}

/**
 * How Citadel tells who calls: by the keys of a file, else by those of the API server.
 * @throws IdentityError `ERR_JWKS_INVALID`, `ERR_KUBERNETES_*`: they cannot be read.
 */
export async function openTokenAuthentication(
  config: CitadelConfig,
  cluster: Cluster | undefined,
  { logger, now }: AppContext,
): Promise<TokenAuthentication> {
  const { jwksFile, tokenIssuers: issuers, tokenAudiences: audiences, tokenBinding: binding, trustDomain } = config;
  const expected = { audiences, binding, trustDomain, now };
  if (jwksFile !== undefined) {
    const file = { path: jwksFile, issuers, logger };
    return { authenticator: await createJwksAuthenticator({ ...file, ...expected }), keys: undefined };
  }
  if (cluster === undefined) throw new IdentityError('ERR_CONFIG_INVALID', '--jwks, --kubernetes: got neither');
  const { publisher } = cluster;
  const keys = await cluster.insist('keys of tokens', () => PublishedKeys.open({ publisher, issuers, logger, now }));
  return { authenticator: tokenAuthenticator(keys, expected), keys };
}
