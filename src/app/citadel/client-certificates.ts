import { X509Certificate } from 'node:crypto';
import { ClientCertificates } from '../../citadel/authn/index.js';
import type { SigningAuthority } from '../../citadel/authority/index.js';
import type { IssuingPolicy } from '../../citadel/policy/index.js';
import type { TrustDomain } from '../../pki/spiffe/index.js';

interface Surroundings {
  readonly authority: () => SigningAuthority;
  readonly trustDomain: TrustDomain;
  readonly policy: () => Pick<IssuingPolicy, 'trustDomainAliases'>;
  /** Which certificates count no more; left out, all that are valid do. */
  readonly revocations?: { isRevoked(serial: string): boolean } | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What a listener and the service need to know callers by the certificates that the authority has issued. */
export function openClientCertificates({ authority, trustDomain, policy, revocations, now }: Surroundings) {
  let known: { readonly pem: readonly string[]; readonly certificates: readonly X509Certificate[] } | undefined;
  const intermediates = (): readonly X509Certificate[] => {
    const { intermediatesPem: pem } = authority();
    if (known?.pem !== pem) known = { pem, certificates: pem.map((one) => new X509Certificate(one)) };
    return known.certificates;
  };
  const certificates = new ClientCertificates({
    ...{ trustDomain, now, bundle: () => authority().bundle, intermediates },
    aliases: () => policy().trustDomainAliases,
    isRevoked: (serial) => revocations?.isRevoked(serial) === true,
  });
  return {
    certificates,
    check: {
      rootsPem: () => authority().bundle.toPem(),
      problem: (chain: readonly X509Certificate[]) => certificates.problem(chain),
    },
  };
}
