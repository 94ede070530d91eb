/** The recent past of an agent, which is kept only where it can be asked for: with a status page. */
import type { History } from '../../agent/history/index.js';
import type { HeldSecrets, IdentityHistory, SvidChange } from '../../agent/identity/index.js';
import { chainPemOf, type SecretCatalog, type ServedIdentity, trustedCaOf } from '../../agent/secrets/index.js';

/** What identities tell their past to. */
export function identityHistory(history: History): IdentityHistory {
  return {
    served: ({ spiffeId, trustDomain }, held, change) =>
      noteServed(history, { spiffeId: spiffeId?.toString(), trustDomain: trustDomain.name }, held, change),
    failed: (spiffeId, failure, inARow) => history.failure(spiffeId, failure, inARow),
  };
}

/** Keeps the past of an identity that keeps none itself, and of what it serves now. */
export function followIdentity(history: History, identity: ServedIdentity): void {
  const note = (change: SvidChange): void => {
    const [certificate, bundle] = [identity.certificate(), identity.bundle()];
    if (certificate === undefined || bundle === undefined) return;
    const whose = { spiffeId: identity.spiffeId?.toString(), trustDomain: identity.trustDomain.name };
    noteServed(history, whose, { certificate, bundle }, change);
  };
  note({ certificate: true, bundle: true });
  identity.onChange(note);
}

/** Keeps the past of the revocation lists. */
export function followRevocations(history: History, { revocations }: SecretCatalog): void {
  const note = (): void => {
    if (revocations.value !== undefined) history.revocationLists(revocations.value.length);
  };
  note();
  revocations.onChange(note);
}

function noteServed(
  history: History,
  { spiffeId, trustDomain }: { readonly spiffeId: string | undefined; readonly trustDomain: string },
  { certificate, bundle }: HeldSecrets,
  change: SvidChange,
): void {
  if (change.bundle) history.bundle(trustDomain, bundle.version, () => trustedCaOf(bundle.body));
  if (change.certificate) history.leaf(spiffeId, chainPemOf(certificate.body));
}
