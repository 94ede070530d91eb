import {
  type Authenticator,
  BoundPods,
  createJwksAuthenticator,
  issuerAuthenticator,
  PublishedKeys,
  podCheckedAuthenticator,
  RemoteKeys,
  reviewedAuthenticator,
  tokenAuthenticator,
} from '../../citadel/authn/index.js';
import type { CitadelConfig, TokenIssuerOption } from '../../config/index.js';
import { readHttpsDocument } from '../../net/transport/index.js';
import { MAX_JWKS_BYTES } from '../../pki/token-keys/index.js';
import { readSmallFile } from '../../system/small-files/index.js';
import type { AppContext, Teardown } from '../running-app.js';
import type { Cluster } from './cluster.js';

/** A request for a certificate waits for it, and has 5 s in all. */
const DOCUMENT_TIMEOUT_MS = 3000;

/** A few hundred roots. */
const MAX_ROOTS_BYTES = 1024 * 1024;

export interface TokenAuthentication {
  readonly authenticator: Authenticator;
  /** Those of the API server, where they are used. */
  readonly keys: PublishedKeys | undefined;
}

interface Surroundings {
  readonly cluster: Cluster | undefined;
  readonly context: AppContext;
  readonly teardown: Teardown;
}

/**
 * How Citadel tells who calls by a token: one of an issuer with keys of its own by these; another by the keys of a
 * file, else by those of the API server, and then with a review by that, when it is asked for.
 * @throws IdentityError `ERR_JWKS_INVALID`, `ERR_KUBERNETES_*`: they cannot be read.
 */
export async function openTokenAuthentication(
  config: CitadelConfig,
  surroundings: Surroundings,
): Promise<TokenAuthentication> {
  const byIssuer = new Map<string, Authenticator>();
  for (const option of config.tokenIssuers) {
    if (option.keys !== undefined) byIssuer.set(option.issuer, await ofIssuer(option, config, surroundings));
  }
  const others = await ofOtherIssuers(config, surroundings);
  if (byIssuer.size === 0 && others !== undefined) return others;
  return { authenticator: issuerAuthenticator(byIssuer, others?.authenticator), keys: others?.keys };
}

async function ofIssuer(
  { issuer, keys }: TokenIssuerOption,
  config: CitadelConfig,
  { context, teardown }: Surroundings,
): Promise<Authenticator> {
  const { logger, now } = context;
  const expected = expectations(config, context);
  if (keys?.kind === 'file') {
    return createJwksAuthenticator({ path: keys.path, issuers: [issuer], logger, ...expected });
  }
  const { tokenIssuerCaFile } = config;
  const remote = await RemoteKeys.open({
    ...{ issuer, logger, now },
    source: keys?.kind === 'url' ? keys.url : 'discovery',
    read: async (url) => {
      const rootsPem = tokenIssuerCaFile === undefined ? undefined : await readRoots(tokenIssuerCaFile);
      return readHttpsDocument({ url, rootsPem, timeoutMs: DOCUMENT_TIMEOUT_MS, maxBytes: MAX_JWKS_BYTES });
    },
  });
  teardown.add(() => remote.close());
  return tokenAuthenticator(remote, expected);
}

/** Each time: it is seldom, and the file may have changed. */
async function readRoots(path: string): Promise<Buffer> {
  const what = `roots of issuers ${path}`;
  const { content } = await readSmallFile(path, { what, code: 'ERR_JWKS_INVALID', maxBytes: MAX_ROOTS_BYTES });
  return content;
}

/** `undefined` when there are only issuers with keys of their own. */
async function ofOtherIssuers(
  config: CitadelConfig,
  { cluster, context, teardown }: Surroundings,
): Promise<TokenAuthentication | undefined> {
  const { jwksFile, tokenIssuers, tokenAudiences, reviewsTokens, checksPods } = config;
  const { logger, now } = context;
  const expected = expectations(config, context);
  const issuers = tokenIssuers.filter(({ keys }) => keys === undefined).map(({ issuer }) => issuer);
  const reviewed = (first: Authenticator): Authenticator => {
    if (cluster === undefined) return first;
    const byReview = { reviewer: cluster.reviewer, audiences: tokenAudiences, now };
    const authenticator = reviewsTokens ? reviewedAuthenticator(first, byReview) : first;
    return checksPods ? podCheckedAuthenticator(authenticator, new BoundPods(cluster.pods, now)) : authenticator;
  };
  if (jwksFile !== undefined) {
    const byFile = await createJwksAuthenticator({ path: jwksFile, issuers, logger, ...expected });
    return { authenticator: reviewed(byFile), keys: undefined };
  }
  if (cluster === undefined) return undefined;
  const { publisher } = cluster;
  const keys = await cluster.insist('keys of tokens', () => PublishedKeys.open({ publisher, issuers, logger, now }));
  teardown.add(() => keys.close());
  return { authenticator: reviewed(tokenAuthenticator(keys, expected)), keys };
}

function expectations(
  { tokenAudiences: audiences, tokenBinding: binding, trustDomain }: CitadelConfig,
  { now }: AppContext,
) {
  return { audiences, binding, trustDomain, now };
}
