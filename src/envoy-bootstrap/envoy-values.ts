import { isIP } from 'node:net';
import type { EnvoyAddress } from './workload-proxy.js';

/** A message of Envoy's API in its JSON form. */
export interface EnvoyObject {
  readonly [field: string]: unknown;
}

/** A `google.protobuf.Any` with the message inside it. */
export function typed(type: string, fields: EnvoyObject): EnvoyObject {
  return { '@type': `type.googleapis.com/${type}`, ...fields };
}

/** A `google.protobuf.Duration` in its JSON form, exact to the millisecond. */
export function duration(ms: number): string {
  return `${ms / 1000}s`;
}

export function pipe(path: string): EnvoyObject {
  return { pipe: { path } };
}

export function address(where: EnvoyAddress): EnvoyObject {
  return 'path' in where ? pipe(where.path) : { socket_address: { address: where.host, port_value: where.port } };
}

/** The parts of a cluster that say where its one endpoint is; a host name is resolved again as its records expire. */
export function singleEndpoint(cluster: string, where: EnvoyAddress): EnvoyObject {
  const isName = 'host' in where && isIP(where.host) === 0;
  return {
    type: isName ? 'STRICT_DNS' : 'STATIC',
    load_assignment: {
      cluster_name: cluster,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(where) } }] }],
    },
  };
}
