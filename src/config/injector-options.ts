import { HOT_PATH } from './hot-path.js';
import { INJECT_OPTIONS } from './inject-options.js';
import { existingFile, hostPort, kubernetesName, oneOf, path } from './kinds.js';
import { LOG_FORMAT, LOG_LEVEL } from './log-level.js';
import { type ConfigOf, optional, required, withDefault } from './option.js';
import { STATUS_ADDRESS } from './status-address.js';

/**
 * `sidecert injector`. It is a workload of its own: `--ca-address` and what else says how agents reach their CA holds
 * for the certificate that it serves with as well.
 */
export const INJECTOR_OPTIONS = {
  listen: withDefault(hostPort, '0.0.0.0:15017', {
    flag: 'listen',
    description:
      'address on which the API server posts admission reviews to /inject, over TLS; port 0 takes a free one',
  }),
  webhookConfig: optional(kubernetesName, {
    flag: 'webhook-config',
    description:
      'MutatingWebhookConfiguration in which the roots of our certificate (caBundle) are kept right; left out, they are your task',
  }),
  kubeconfig: optional(existingFile, {
    flag: 'kubeconfig',
    description:
      'file that says, by its current context, in which API server --webhook-config is; left out, that of the pod, and outside of one the files that KUBECONFIG lists',
  }),
  onBadPod: withDefault(oneOf(['deny', 'skip']), 'deny', {
    flag: 'on-bad-pod',
    description:
      'what becomes of a pod that cannot be injected, for a wrong annotation, say: it is refused and the reason told, or made without agent and Envoy and with a warning',
  }),
  caRootFile: withDefault(existingFile, '/var/run/secrets/istio/root-cert.pem', {
    flag: 'ca-root',
    description: 'PEM roots that the certificate of the CA server must chain to; read again after a failed call',
  }),
  tokenFile: withDefault(path, '/var/run/secrets/tokens/istio-token', {
    flag: 'token-file',
    description: 'service-account JWT of the injector with the audience of the CA; read again for each call',
  }),
  namespace: required(kubernetesName, {
    flag: 'namespace',
    description: 'Kubernetes namespace of the injector, whose pods it never injects',
  }),
  serviceAccount: required(kubernetesName, {
    flag: 'service-account',
    description:
      'service account of the injector, to which the CA has to give the DNS name of its Service (--dns-name)',
  }),
  ...INJECT_OPTIONS,
  hotPath: HOT_PATH,
  statusAddress: STATUS_ADDRESS,
  logLevel: LOG_LEVEL,
  logFormat: LOG_FORMAT,
};

export type InjectorConfig = ConfigOf<typeof INJECTOR_OPTIONS>;
