/**
 * kubernetes/trust: the roots of the mesh, where the pods of a cluster find them: in a ConfigMap of every namespace,
 * and in a ClusterTrustBundle.
 */
export { publishRootConfigMaps, type RootConfigMaps } from './root-config-maps.js';
export { publishRootTrustBundle, type RootTrustBundle } from './root-trust-bundle.js';
