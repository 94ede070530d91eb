/**
 * agent/secrets: which name means which secret: those of a workload, of federated trust domains, and of files.
 */
export { configuredNames, privateKeyProviderOf } from './catalog-settings.js';
export { MigratingIdentity, type MigrationStatus } from './migrating-identity.js';
export { MountedIdentity } from './mounted-identity.js';
export { SecretCatalog } from './secret-catalog.js';
export { certificatePemsOf, chainPemOf, trustedCaOf, withPrivateKeyProvider } from './secret-codec.js';
export { type ServedIdentity, WorkloadSecrets } from './workload-secrets.js';
export { WorkloadView } from './workload-view.js';
