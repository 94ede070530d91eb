import type { ServedCall } from '../../net/grpc/index.js';

type Metadata = Pick<ServedCall, 'metadata'>;

/** The header fields that are read of a call: no other is kept. */
export const CALLER_METADATA: readonly string[] = ['authorization', 'clusterid'];

/** An id is a short name; this much of a longer one tells who it is. */
const MAX_CLUSTER_ID_CHARS = 64;

/** What the caller calls its cluster, for the log: unverified. Several values count as none. (reference: Istio C13) */
export function clusterId(call: Metadata): string {
  const [value = '', ...others] = call.metadata('clusterid');
  return others.length === 0 ? value.slice(0, MAX_CLUSTER_ID_CHARS) : '';
}
