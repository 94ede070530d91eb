/**
 * kubernetes/trust: the roots of the mesh, where the pods of a cluster find them: in a ConfigMap of every namespace.
 */
export { publishRootConfigMaps, type RootConfigMaps } from './root-config-maps.js';
