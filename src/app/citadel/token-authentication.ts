import {
  type Authenticator,
  createJwksAuthenticator,
  PublishedKeys,
  reviewedAuthenticator,
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
 * How Citadel tells who calls: by the keys of a file, else by those of the API server; and with a review by the API
 * server, when that is asked for.
 * @throws IdentityError `ERR_JWKS_INVALID`, `ERR_KUBERNETES_*`: they cannot be read.
 */
export async function openTokenAuthentication(
  config: CitadelConfig,
  cluster: Cluster | undefined,
  context: AppContext,
): Promise<TokenAuthentication> {
  const byKeys = await authenticationByKeys(config, cluster, context);
  if (!config.reviewsTokens || cluster === undefined) return byKeys;
  const review = { reviewer: cluster.reviewer, audiences: config.tokenAudiences, now: context.now };
  return { ...byKeys, authenticator: reviewedAuthenticator(byKeys.authenticator, review) };
}

async function authenticationByKeys(
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
