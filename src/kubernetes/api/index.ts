/**
 * kubernetes/api: the only room that speaks to an API server. A thin client of our own over `node:https`: finds the
 * server (in a pod, by a kubeconfig), reads, writes and watches objects. The maintained one costs seconds and a hundred
 * megabytes to load.
 */
export { ApiClient, type ApiClientOptions } from './api-client.js';
export { findAccess } from './find-access.js';
export { type Following, followResource, type ResourceObserver } from './follow-resource.js';
export { NodePods } from './node-pods.js';
export { readPodPage } from './pod-page.js';
export type { JsonObject, KubernetesObject, ObjectMeta, Resource } from './resource.js';
export { CONFIG_MAPS, type ConfigMap, NAMESPACES, PODS, type RunningPod } from './resources.js';
export type { SecretData } from './secret-codec.js';
export {
  changeSecretData,
  createSecret,
  deleteSecret,
  listSecretNames,
  readSecret,
  readSecretState,
  type SecretPlace,
  type SecretState,
} from './secrets.js';
export type { ClusterEnvironment, ServerAccess } from './server-access.js';
export { ServiceAccountKeys } from './service-account-keys.js';
export { TokenReviews } from './token-reviews.js';
