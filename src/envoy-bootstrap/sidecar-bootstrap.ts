import type { EnvoyObject } from './envoy-values.js';
import { sdsClusters } from './sds-cluster.js';
import { adsConfig } from './sds-config.js';
import { healthListeners, probeClusters } from './sidecar-health.js';
import { sidecarAppCluster, sidecarInboundListener } from './sidecar-inbound.js';
import { sidecarOutboundListener, sidecarUpstreamClusters } from './sidecar-outbound.js';
import { BLACKHOLE_CLUSTER } from './sidecar-parts.js';
import type { SidecarProxy } from './sidecar-proxy.js';

/**
 * The `envoy.config.bootstrap.v3.Bootstrap` of an injected sidecar, in its JSON form. Its node is left to Envoy's flags
 * `--service-node` and `--service-cluster`: only the cluster knows what the pod is called. Pure.
 */
export function sidecarBootstrap(proxy: SidecarProxy): EnvoyObject {
  const { inbound, outbound, sds } = proxy;
  const isCaptured = inbound?.target.kind === 'captured' || outbound?.isCaptured === true;
  return {
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: proxy.ports.admin } } },
    ...adsConfig(sds),
    static_resources: {
      clusters: [
        ...sdsClusters(sds),
        ...(inbound === undefined ? [] : [sidecarAppCluster(inbound)]),
        ...(outbound === undefined ? [] : sidecarUpstreamClusters(proxy, outbound)),
        ...(isCaptured ? [BLACKHOLE_CLUSTER] : []),
        ...probeClusters(proxy),
      ],
      listeners: [
        ...(inbound === undefined ? [] : [sidecarInboundListener(proxy, inbound)]),
        ...(outbound === undefined ? [] : [sidecarOutboundListener(proxy, outbound)]),
        ...healthListeners(proxy),
      ],
    },
  };
}
