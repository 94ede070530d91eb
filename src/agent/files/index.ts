/**
 * agent/files: certificates, bundles and lists from files that change under us: read again when they change, checked
 * before any stream sees them.
 */
export { AllowedDirectories, anywhere } from './allowed-directories.js';
export { parseBundleFile, usableRoots } from './bundle-file.js';
export { type CertificatePair, parseCertificatePair } from './certificate-files.js';
export {
  issuersWithoutValidList,
  issuerText,
  isValidAt,
  parseCrls,
  periodText,
  type RevocationLists,
} from './crl-file.js';
export { FileChanges } from './file-changes.js';
export { FileWatch } from './file-watch.js';
export {
  chooseIdentityFiles,
  type ExpectedIdentity,
  type IdentityFiles,
  type IdentityPlace,
  identityPaths,
  parseIdentityFiles,
} from './identity-files.js';
export { checkStaple } from './ocsp-staple.js';
export { PathWatches } from './path-watches.js';
export { type FileDependencies, type FilesOf, type Parsed, ReloadedFiles, type Round } from './reloaded-files.js';
export { isListOf, type RevocationList, readRevocationList } from './revocation-list.js';
