import type { SigningAuthority } from '../../citadel/authority/index.js';
import { type FlagTerms, IssuingPolicy, openPolicyFile } from '../../citadel/policy/index.js';
import type { CitadelConfig } from '../../config/index.js';
import { IdentityError } from '../../errors/index.js';
import { SpiffeId } from '../../pki/spiffe/index.js';
import type { AppContext } from '../running-app.js';

/** The policy in use, and where it is from. */
export interface OpenedPolicy {
  readonly policy: IssuingPolicy;
  /** `undefined`: there are flags alone. */
  readonly path: string | undefined;
  /** Why what the file says now is not in use; `undefined` when it is. */
  readonly problem: string | undefined;
  /** Reads no more. Safe to call twice. */
  close(): void;
}

/** What the flags say of certificates. */
type PolicyFlags = Pick<CitadelConfig, 'trustDomain' | 'defaultTtlMs' | 'maxTtlMs' | 'bindsToToken' | 'dnsNames'>;

interface Surroundings {
  readonly authority: () => SigningAuthority;
  /** Those of Citadel itself: a workload that had one could pass itself off as the CA. */
  readonly ownNames: readonly string[];
}

/**
 * The policy of the file, over the flags, or these alone.
 * @throws IdentityError `ERR_POLICY_INVALID`; `ERR_CONFIG_INVALID`: `--dns-name` is a name of Citadel itself.
 */
export async function openPolicy(
  config: CitadelConfig,
  { authority, ownNames }: Surroundings,
  { logger, now }: AppContext,
): Promise<OpenedPolicy> {
  const { policyFile: path, trustDomain } = config;
  const own = config.dnsNames.find(({ dnsName }) => ownNames.includes(dnsName));
  if (own !== undefined) {
    throw new IdentityError('ERR_CONFIG_INVALID', `--dns-name: got ${own.dnsName}, expected no name of Citadel itself`);
  }
  const flags = flagTerms(config);
  if (path === undefined) {
    return { policy: new IssuingPolicy(flags), path, problem: undefined, close: () => {} };
  }
  const dnsNameProblem = (name: string): string | undefined => authority().nameProblem(name);
  return openPolicyFile({ path, flags, trustDomain, serverNames: ownNames, dnsNameProblem, logger, now });
}

/** As a policy takes them; DNS names in the order of the settings. */
export function flagTerms({ trustDomain, defaultTtlMs, maxTtlMs, bindsToToken, dnsNames }: PolicyFlags): FlagTerms {
  const names = new Map<string, string[]>();
  for (const { namespace, serviceAccount, dnsName } of dnsNames) {
    const { path } = SpiffeId.forServiceAccount(trustDomain, namespace, serviceAccount);
    const known = names.get(path) ?? [];
    if (!known.includes(dnsName)) names.set(path, [...known, dnsName]);
  }
  return { defaultTtlMs, maxTtlMs, bindsToToken, dnsNames: names };
}
