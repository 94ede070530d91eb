import { stringify } from 'yaml';
import type { BootstrapConfig } from '../config/index.js';
import { envoyBootstrap } from './envoy-bootstrap.js';
import type { EnvoyObject } from './envoy-values.js';
import { withSharedParts } from './shared-parts.js';
import { sidecarBootstrap } from './sidecar-bootstrap.js';
import type { SidecarProxy } from './sidecar-proxy.js';
import { tokenSecret } from './token-injector.js';
import type { AllowedSan, InboundProxy, OutboundProxy, TokenPassing, WorkloadProxy } from './workload-proxy.js';

/**
 * How often Envoy asks by REST: a renewed secret has half of its life left, so what counts is how long a start may wait
 * that came before the agent's. Each poll repeats the node, 60 kB and more.
 */
const POLL_MS = 5000;

/** The text of `sidecert bootstrap`: YAML that `envoy -c` takes, or the file that such a bootstrap names. */
export function renderBootstrap(config: BootstrapConfig): string {
  switch (config.print) {
    case 'bootstrap':
      return envoyYaml(envoyBootstrap(workloadProxyOf(config)));
    case 'token-secret':
      return envoyYaml(tokenSecret(config.tokenFile));
    default:
      return config.print satisfies never;
  }
}

/** The bootstrap of an injected sidecar: YAML that `envoy --config-yaml` takes. */
export function renderSidecarBootstrap(proxy: SidecarProxy): string {
  return envoyYaml(withSharedParts(sidecarBootstrap(proxy)), { areEqualPartsNamed: true });
}

/**
 * To YAML 1.1 these end a line, or are no text; all else of the kind is escaped by the writer. (YAML 1.1 §5.1, §5.4)
 */
const BREAKS_OR_UNPRINTABLE = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

/**
 * YAML that says the same to readers of YAML 1.1 (Envoy's, PyYAML) as to those of 1.2. Every text is quoted: unquoted,
 * the names `y`, `no`, `on`, `null`, `1_000`, `012`, `1:30` and more are no texts to YAML 1.1.
 */
function envoyYaml(message: EnvoyObject, { areEqualPartsNamed } = { areEqualPartsNamed: false }): string {
  // Long values (paths, SPIFFE IDs) stay on their line.
  const yaml = stringify(message, {
    lineWidth: 0,
    aliasDuplicateObjects: areEqualPartsNamed,
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
  });
  return yaml.replace(BREAKS_OR_UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function workloadProxyOf(config: BootstrapConfig): WorkloadProxy {
  const service = `${config.serviceAccount}.${config.namespace}`;
  return {
    nodeId: config.nodeId ?? service,
    cluster: service,
    socketPath: config.restSocket ?? config.socket,
    tokenPassing: tokenPassingOf(config),
    sdsApi: config.sdsApi,
    pollMs: POLL_MS,
    certificateName: config.certificateName,
    bundleName: config.bundleName,
    admin: config.admin,
    inbound: inboundOf(config),
    outbound: outboundOf(config),
    initialFetchTimeoutMs: config.initialFetchTimeoutMs,
    maxConnectionAgeMs: config.maxConnectionAgeMs,
  };
}

function tokenPassingOf({ tokenSource, tokenBy, tokenFile, tokenSecretFile }: BootstrapConfig): TokenPassing {
  if (tokenSource === 'file') return { kind: 'none' };
  return tokenBy === 'injector' ? { kind: 'injector', tokenSecretFile } : { kind: 'google_grpc', tokenFile };
}

function inboundOf({ inbound, app, allow, trustDomain }: BootstrapConfig): InboundProxy | undefined {
  if (inbound === undefined || app === undefined) return undefined;
  const anyWorkload: AllowedSan = { kind: 'prefix', value: `spiffe://${trustDomain.name}/` };
  return { address: inbound, app, allowedSans: allow.length > 0 ? allow : [anyWorkload] };
}

function outboundOf({ outbound, upstreams }: BootstrapConfig): OutboundProxy | undefined {
  if (outbound === undefined || upstreams.length === 0) return undefined;
  return {
    address: outbound,
    upstreams: upstreams.map(({ name, address, spiffeId }) => ({ name, address, spiffeId: spiffeId.toString() })),
  };
}
