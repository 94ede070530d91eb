import { X509Certificate } from 'node:crypto';
import { ClientCertificates } from '../../citadel/authn/index.js';
import type { SigningAuthority } from '../../citadel/authority/index.js';
import type { IssuingPolicy } from '../../citadel/policy/index.js';
import type { TrustDomain } from '../../pki/spiffe/index.js';

interface Surroundings {
  readonly authority: SigningAuthority;
  readonly trustDomain: TrustDomain;
  readonly policy: () => Pick<IssuingPolicy, 'trustDomainAliases'>;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What a listener and the service need to know callers by the certificates that `authority` has issued. */
export function openClientCertificates({ authority, trustDomain, policy, now }: Surroundings) {
  const intermediates = authority.intermediatesPem.map((pem) => new X509Certificate(pem));
  const certificates = new ClientCertificates({
    ...{ trustDomain, now, bundle: () => authority.bundle, intermediates: () => intermediates },
    aliases: () => policy().trustDomainAliases,
  });
  return {
    certificates,
    check: {
      rootsPem: () => authority.bundle.toPem(),
      problem: (chain: readonly X509Certificate[]) => certificates.problem(chain),
    },
  };
}
