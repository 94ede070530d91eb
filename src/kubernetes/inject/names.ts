import { ANNOTATION_PREFIX } from '../../config/index.js';

/** The annotation that says what an injection added and replaced. */
export const STATUS_ANNOTATION = `${ANNOTATION_PREFIX}status`;

/** Label, or annotation, of a pod that says whether it is injected: as in Istio. */
export const ISTIO_INJECT = 'sidecar.istio.io/inject';

/** What Istio's own injection leaves behind. */
export const ISTIO_STATUS = 'sidecar.istio.io/status';

/** Which container `kubectl logs` and `kubectl exec` mean. */
export const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

export const AGENT = 'sidecert-agent';
/** As the published task calls it: `kubectl exec -c istio-proxy`. */
export const ENVOY = 'istio-proxy';
export const CAPTURE = 'sidecert-capture';

export const SOCKET_VOLUME = 'sidecert-socket';
export const TOKEN_VOLUME = 'sidecert-token';
export const ROOT_VOLUME = 'sidecert-root';
export const IDENTITY_VOLUME = 'sidecert-identity';
export const STEP_VOLUME = 'sidecert-migration';

/** Directories that the agent's defaults name: those of Istio. */
export const SOCKET_DIRECTORY = '/var/run/secrets/workload-spiffe-uds';
export const TOKEN_DIRECTORY = '/var/run/secrets/tokens';
export const ROOT_DIRECTORY = '/var/run/secrets/istio';
/** Where Istio mounted the Secrets that it made until 1.5. */
export const IDENTITY_DIRECTORY = '/etc/certs';
export const STEP_DIRECTORY = '/etc/sidecert/migration';

/**
 * User and group of agent and Envoy alike: that of Istio's sidecar, whose traffic is not captured. As one user, both
 * open the socket (mode 0660) and the token whatever `fsGroup` the pod has, or has not.
 */
export const SIDECAR_UID = 1337;

/** Ports of the sidecar; those that Istio has, too, have Istio's numbers. */
export const PORTS = {
  admin: 15_000,
  outbound: 15_001,
  inbound: 15_006,
  agentStatus: 15_020,
  health: 15_021,
  /** The first of those at which gRPC probes are answered. */
  grpcProbes: 15_030,
} as const;
