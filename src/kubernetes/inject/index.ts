/**
 * kubernetes/inject: gives pods their agent and their Envoy. Manifest in, manifest out, and pod in, pod out; it reads
 * no file and knows no cluster.
 */
export { injectPod, type PodResult, withoutInjection } from './inject-pod.js';
export { jsonPatch, type PatchOperation } from './json-patch.js';
export { type InjectAction, type KubeInjectResult, kubeInject } from './kube-inject.js';
