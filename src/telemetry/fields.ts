/** Names of all log fields. One name per thing, so that a search in the logs finds all of it. */
export const Field = {
  address: 'address',
  attempt: 'attempt',
  blames: 'blames',
  bundleSize: 'bundle_size',
  caller: 'caller',
  clusterId: 'cluster_id',
  code: 'code',
  connection: 'connection',
  connections: 'connections',
  count: 'count',
  csrIdentity: 'csr_identity',
  detail: 'detail',
  durationMs: 'duration_ms',
  error: 'error',
  firstSerial: 'first_serial',
  lastSerial: 'last_serial',
  mode: 'mode',
  nextAttemptMs: 'next_attempt_ms',
  nodeId: 'node_id',
  notAfter: 'not_after',
  notBefore: 'not_before',
  now: 'now',
  path: 'path',
  pid: 'pid',
  podUid: 'pod_uid',
  reason: 'reason',
  resourceName: 'resource_name',
  rotateAt: 'rotate_at',
  serial: 'serial',
  signal: 'signal',
  spiffeId: 'spiffe_id',
  stream: 'stream',
  ttlMs: 'ttl_ms',
  uid: 'uid',
  version: 'version',
  withheld: 'withheld',
} as const;

type FieldName = (typeof Field)[keyof typeof Field];

/** Values of one log line; an `undefined` is left out. */
export type LogFields = Partial<Record<FieldName, string | number | boolean | undefined>>;
