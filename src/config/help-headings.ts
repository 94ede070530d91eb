/**
 * What groups the flags of a command have in its help and in the reference: by the flag that a group begins with, in
 * the order of the schema. An option that is added belongs to the group that it is added to.
 */
export type Headings = Readonly<Record<string, string>>;

export const AGENT_HEADINGS: Headings = {
  mode: 'Whom it serves, and where its identity comes from',
  'ca-address': 'CA',
  'token-source': 'Tokens',
  namespace: 'Workload',
  ttl: 'Certificates',
  'certificate-name': 'Secrets',
  'output-certs': 'Files',
  rest: 'Sockets and connections',
  'hot-path': 'Process',
  'otlp-endpoint': 'Traces',
};

export const DOCTOR_HEADINGS: Headings = { ...AGENT_HEADINGS, 'no-issue': 'What is tried' };

export const CITADEL_HEADINGS: Headings = {
  listen: 'CA',
  kubernetes: 'Kubernetes',
  jwks: 'Tokens',
  'root-cert-out': 'Names and lives of certificates',
  'trail-dir': 'Trail',
  'max-connections': 'Process',
  'otlp-endpoint': 'Traces',
};

export const BOOTSTRAP_HEADINGS: Headings = {
  socket: 'Agent',
  namespace: 'Workload',
  admin: 'Listeners and upstreams',
};

/** Those of what the injector and `kube-inject` have in common. */
const INJECT_HEADINGS: Headings = {
  agent: 'Agent',
  'identity-source': 'Mounted files',
  'ca-address': 'CA',
  'token-source': 'Tokens and roots',
  'agent-image': 'Containers',
  capture: 'Traffic',
  'max-connection-age': 'Envoy',
  'agent-requests': 'Resources',
};

export const KUBE_INJECT_HEADINGS: Headings = { filename: 'Manifests', ...INJECT_HEADINGS };

export const INJECTOR_HEADINGS: Headings = {
  listen: 'Webhook',
  'ca-root': 'Its own certificate',
  ...INJECT_HEADINGS,
  'hot-path': 'Process',
};

export const LOAD_CA_HEADINGS: Headings = {
  'ca-address': 'CA',
  concurrency: 'Load',
  'key-types': 'Certificates',
  json: 'Reports',
};

export const FLEET_HEADINGS: Headings = {
  socket: 'Server',
  envoys: 'Load',
  json: 'Reports',
};
