import type { SpiffeId, TrustDomain } from '../../pki/spiffe/index.js';

/** The same workload by the earlier names of its trust domain. */
export function aliasUris({ path }: SpiffeId, aliases: readonly TrustDomain[]): string[] {
  return aliases.map(({ name }) => `spiffe://${name}${path}`);
}
