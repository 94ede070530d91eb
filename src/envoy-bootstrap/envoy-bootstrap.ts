import { address, type EnvoyObject } from './envoy-values.js';
import { inboundCluster, inboundListener, outboundListener, upstreamCluster } from './http-proxy.js';
import { sdsClusters } from './sds-cluster.js';
import { adsConfig } from './sds-config.js';
import type { WorkloadProxy } from './workload-proxy.js';

/**
 * The `envoy.config.bootstrap.v3.Bootstrap` of one sidecar, in its JSON form: key, certificate and trust bundle come
 * from the agent's socket, so nothing here has to change when they do. Pure.
 */
export function envoyBootstrap(proxy: WorkloadProxy): EnvoyObject {
  const { inbound, outbound } = proxy;
  return {
    node: { id: proxy.nodeId, cluster: proxy.cluster },
    admin: { address: address(proxy.admin) },
    ...adsConfig(proxy),
    static_resources: {
      clusters: [
        ...sdsClusters(proxy),
        ...(inbound === undefined ? [] : [inboundCluster(inbound)]),
        ...(outbound?.upstreams ?? []).map((upstream) => upstreamCluster(proxy, upstream, proxy.maxConnectionAgeMs)),
      ],
      listeners: [
        ...(inbound === undefined ? [] : [inboundListener(proxy, inbound)]),
        ...(outbound === undefined ? [] : [outboundListener(outbound)]),
      ],
    },
  };
}
