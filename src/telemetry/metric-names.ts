/** Upper bounds in seconds, from a quick operation in its thread to an RSA key that waits for others. */
const SECONDS = [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * What every metric is called, what it says and what it counts in: the names are public, as those of log fields are.
 */
export const Metric = {
  hotPathQueueLength: {
    kind: 'gauge',
    name: 'sidecert_hotpath_queue_length',
    help: 'Crypto requests that wait for a thread.',
  },
  hotPathWaitSeconds: {
    kind: 'histogram',
    name: 'sidecert_hotpath_wait_seconds',
    help: 'Time from a crypto request to the thread that takes it.',
    bounds: SECONDS,
  },
  hotPathRunSeconds: {
    kind: 'histogram',
    name: 'sidecert_hotpath_run_seconds',
    help: 'Time that a thread works on a batch of crypto requests.',
    bounds: SECONDS,
  },
  hotPathBatchSize: {
    kind: 'histogram',
    name: 'sidecert_hotpath_batch_size',
    help: 'Crypto requests that travel to a thread together.',
    bounds: [1, 2, 5, 10, 25, 50, 100, 150, 200, 250],
  },
  hotPathRefused: {
    kind: 'counter',
    name: 'sidecert_hotpath_refused_total',
    help: 'Crypto requests that found the queue full.',
  },
  hotPathCancelled: {
    kind: 'counter',
    name: 'sidecert_hotpath_cancelled_total',
    help: 'Crypto requests that were taken back before a thread had them.',
  },
  hotPathThreadsLost: {
    kind: 'counter',
    name: 'sidecert_hotpath_threads_lost_total',
    help: 'Crypto threads that hung past the deadline of their work, or failed.',
  },
  hotPathInfo: {
    kind: 'gauge',
    name: 'sidecert_hotpath_info',
    help: 'Who does the cryptography: 1 for the kind that was chosen at the start.',
  },
  kubernetesRequestSeconds: {
    kind: 'histogram',
    name: 'sidecert_kubernetes_request_seconds',
    help: 'Time of a request to the API server of Kubernetes, by its verb and how it ended.',
    bounds: SECONDS,
  },
  tokenKeysAgeSeconds: {
    kind: 'gauge',
    name: 'sidecert_token_keys_age_seconds',
    help: 'Time since the keys of tokens were last read from the API server.',
  },
  namespacesWithoutRoots: {
    kind: 'gauge',
    name: 'sidecert_namespaces_without_roots',
    help: 'Namespaces that are to have the current roots in a ConfigMap, and have not.',
  },
  rootCopiesWritten: {
    kind: 'counter',
    name: 'sidecert_root_copies_written_total',
    help: 'ConfigMaps with roots that were written.',
  },
  injectionSeconds: {
    kind: 'histogram',
    name: 'sidecert_injection_seconds',
    help: 'Time that the injector worked on an admission review, by what became of it.',
    bounds: SECONDS,
  },
  injectorConnectionsEnded: {
    kind: 'counter',
    name: 'sidecert_injector_connections_ended_total',
    help: 'Connections to the injector that it ended itself, by reason.',
  },
  caBundleWrites: {
    kind: 'counter',
    name: 'sidecert_ca_bundle_writes_total',
    help: 'Times that the injector wrote the trust bundle into its webhook configuration, by error code or OK.',
  },
  buildInfo: {
    kind: 'gauge',
    name: 'sidecert_build_info',
    help: 'Always 1; the labels say what is running.',
  },
  svidExpirySeconds: {
    kind: 'gauge',
    name: 'sidecert_svid_expiry_seconds',
    help: 'Time until the first of the held SVIDs ends, negative after that; NaN without any.',
  },
  svidOutageToleranceSeconds: {
    kind: 'gauge',
    name: 'sidecert_svid_outage_tolerance_seconds',
    help: 'Time from the planned renewal of a held SVID to its end, the least of all: so long an outage of the CA is survived. NaN without any.',
  },
  trustBundleExpirySeconds: {
    kind: 'gauge',
    name: 'sidecert_trust_bundle_expiry_seconds',
    help: 'Time until the last root of a served trust bundle expires, the least of all bundles; negative after that, NaN without any.',
  },
  identitiesBelowOutageTarget: {
    kind: 'gauge',
    name: 'sidecert_identities_below_outage_target',
    help: 'Identities whose certificates live too short for the CA outage that is to be survived.',
  },
  identities: {
    kind: 'gauge',
    name: 'sidecert_identities',
    help: 'Identities by what they have: a valid SVID, an expired one, or none yet.',
  },
  podSockets: {
    kind: 'gauge',
    name: 'sidecert_pod_sockets',
    help: 'Pods below --pod-sockets: serving, waiting for a token or for the CA, or refused.',
  },
  identitiesIdle: {
    kind: 'gauge',
    name: 'sidecert_identities_idle',
    help: 'Identities of pods without a stream, whose keys are wiped when none comes back in time.',
  },
  tokenChecks: {
    kind: 'counter',
    name: 'sidecert_token_checks_total',
    help: 'Tokens of streams that were checked by the key set before the CA was asked, by what was found.',
  },
  identityFilesAgeSeconds: {
    kind: 'gauge',
    name: 'sidecert_identity_files_age_seconds',
    help: 'Time since the mounted files of the identity were last read whole and found good; NaN before that.',
  },
  identityFilesRefused: {
    kind: 'counter',
    name: 'sidecert_identity_files_refused_total',
    help: 'Looks at the mounted files of the identity that found no good set, by error code.',
  },
  identitySource: {
    kind: 'gauge',
    name: 'sidecert_identity_source',
    help: 'While the identity moves from files to a CA: 1 for the source whose certificate is served, 0 for the other.',
  },
  svidIssues: {
    kind: 'counter',
    name: 'sidecert_svid_issues_total',
    help: 'Attempts to get an SVID from the CA, by what they were for and by their error code or OK.',
  },
  outputWrites: {
    kind: 'counter',
    name: 'sidecert_output_writes_total',
    help: 'Times that the files of --output-certs were to be written, by error code or OK.',
  },
  outputNotices: {
    kind: 'counter',
    name: 'sidecert_output_notices_total',
    help: 'Times that a target of --on-rotate was to be told of new files, by error code or OK.',
  },
  caRequestSeconds: {
    kind: 'histogram',
    name: 'sidecert_ca_request_seconds',
    help: 'Time from a request to the CA to its answer, its repetitions included, by error code or OK.',
    bounds: SECONDS,
  },
  caAttempts: {
    kind: 'counter',
    name: 'sidecert_ca_attempts_total',
    help: 'Attempts to get a certificate, by the CA that was asked and by their error code or OK.',
  },
  caCoolingDown: {
    kind: 'gauge',
    name: 'sidecert_ca_cooling_down',
    help: 'Whether a CA gave no answer lately and is asked only when no other one is left: 1, or 0.',
  },
  sdsConnections: {
    kind: 'gauge',
    name: 'sidecert_sds_connections',
    help: 'Open connections to the SDS socket.',
  },
  sdsStreams: {
    kind: 'gauge',
    name: 'sidecert_sds_streams',
    help: 'Open streams, by method.',
  },
  sdsRequests: {
    kind: 'counter',
    name: 'sidecert_sds_requests_total',
    help: 'Requests on streams, by what they say of the last response.',
  },
  sdsResponses: {
    kind: 'counter',
    name: 'sidecert_sds_responses_total',
    help: 'Secrets sent on streams, by name.',
  },
  sdsRejections: {
    kind: 'counter',
    name: 'sidecert_sds_rejections_total',
    help: 'Secrets refused by their proxies, by name and by the kind of secret that the proxy blames.',
  },
  sdsUnanswered: {
    kind: 'counter',
    name: 'sidecert_sds_unanswered_total',
    help: 'Responses that no proxy answered in time, by what came of it.',
  },
  sdsLinesWithheld: {
    kind: 'counter',
    name: 'sidecert_sds_log_lines_withheld_total',
    help: 'Log lines about refused or unanswered secrets that were not written, because there had been enough of them.',
  },
  sdsAckSeconds: {
    kind: 'histogram',
    name: 'sidecert_sds_ack_seconds',
    help: 'Time from the send of a response to its ACK.',
    bounds: SECONDS,
  },
  sdsRolloutSeconds: {
    kind: 'histogram',
    name: 'sidecert_sds_rollout_seconds',
    help: 'Time from the first push of a new version of a secret to the last ACK of it, by name.',
    bounds: SECONDS,
  },
  certificateRequestSeconds: {
    kind: 'histogram',
    name: 'sidecert_certificate_request_seconds',
    help: 'Time that a call for a certificate took, by its error code or OK.',
    bounds: SECONDS,
  },
  federatedBundleFetched: {
    kind: 'gauge',
    name: 'sidecert_federated_bundle_fetched_timestamp_seconds',
    help: 'When the bundle of another trust domain was last fetched from its endpoint and found good, in seconds since 1970.',
  },
  federatedBundleFetches: {
    kind: 'counter',
    name: 'sidecert_federated_bundle_fetches_total',
    help: 'Fetches of bundles from the endpoints of other trust domains, by their error code or OK.',
  },
  bundleRefreshes: {
    kind: 'counter',
    name: 'sidecert_bundle_refreshes_total',
    help: 'Answers of a CA, or failures, when it was asked for its trust bundle alone, by its address and error code or OK.',
  },
  bundleRequests: {
    kind: 'counter',
    name: 'sidecert_bundle_requests_total',
    help: 'Calls for the trust bundle alone, by their error code or OK.',
  },
  certificateRequestsInFlight: {
    kind: 'gauge',
    name: 'sidecert_certificate_requests_in_flight',
    help: 'Calls for a certificate that are being worked on.',
  },
  authorityExpirySeconds: {
    kind: 'gauge',
    name: 'sidecert_authority_expiry_seconds',
    help: 'Time until the signing certificate, or one above it, ends; negative after that.',
  },
  onlineIntermediateExpirySeconds: {
    kind: 'gauge',
    name: 'sidecert_online_intermediate_expiry_seconds',
    help: 'Time until the online intermediate that signs now ends; negative after that.',
  },
  onlineIntermediateOverdueSeconds: {
    kind: 'gauge',
    name: 'sidecert_online_intermediate_overdue_seconds',
    help: 'For how long the next online intermediate should have been there; 0 when it is not due.',
  },
  onlineIntermediatesMade: {
    kind: 'counter',
    name: 'sidecert_online_intermediates_made_total',
    help: 'Online intermediates that this Citadel has made.',
  },
  onlineIntermediateFailures: {
    kind: 'counter',
    name: 'sidecert_online_intermediate_failures_total',
    help: 'Attempts to read or to make online intermediates that have failed.',
  },
  rootRotationStepAgeSeconds: {
    kind: 'gauge',
    name: 'sidecert_root_rotation_step_age_seconds',
    help: 'Time since the change of the root came to this step; 0 for a step that it is not at.',
  },
  rootChangeState: {
    kind: 'gauge',
    name: 'sidecert_root_change_state',
    help: 'Whether the change of the root before its end is at this state: waiting, settling, held-up, failing or by-hand; 1 for one of them.',
  },
  servingCertificateExpirySeconds: {
    kind: 'gauge',
    name: 'sidecert_serving_certificate_expiry_seconds',
    help: 'Time until the certificate that Citadel shows its callers expires; negative after that. It is renewed at half of its life.',
  },
  eventLoopDelaySeconds: {
    kind: 'gauge',
    name: 'sidecert_event_loop_delay_seconds',
    help: 'How late the event loop was, since these figures were last read.',
  },
  processCpuSeconds: {
    kind: 'counter',
    name: 'process_cpu_seconds_total',
    help: 'CPU time of all threads.',
  },
  processMemoryBytes: {
    kind: 'gauge',
    name: 'process_resident_memory_bytes',
    help: 'Resident memory.',
  },
  processStartSeconds: {
    kind: 'gauge',
    name: 'process_start_time_seconds',
    help: 'When the process started, in seconds since 1970.',
  },
  sdsCalls: {
    kind: 'gauge',
    name: 'sidecert_sds_calls',
    help: 'Open calls on the SDS socket, streams among them, by what they are for.',
  },
  sdsCallsRefused: {
    kind: 'counter',
    name: 'sidecert_sds_calls_refused_total',
    help: 'Calls that the server refused or ended, not their method, by reason.',
  },
  sdsHeldBytes: {
    kind: 'gauge',
    name: 'sidecert_sds_held_bytes',
    help: 'Octets that peers of the SDS socket make the agent hold.',
  },
  sdsConnectionsRefused: {
    kind: 'counter',
    name: 'sidecert_sds_connections_refused_total',
    help: 'Connections that were closed before a byte of them was read, by reason.',
  },
  sdsConnectionsEnded: {
    kind: 'counter',
    name: 'sidecert_sds_connections_ended_total',
    help: 'Connections that were ended for what their peer did, or did not do, by reason.',
  },
  socketLost: {
    kind: 'counter',
    name: 'sidecert_socket_lost_total',
    help: 'Times that the file of a listening Unix socket was found to be another or none, by what had become of it.',
  },
  citadelConnections: {
    kind: 'gauge',
    name: 'sidecert_citadel_connections',
    help: 'Open connections to Citadel.',
  },
  citadelCalls: {
    kind: 'gauge',
    name: 'sidecert_citadel_calls',
    help: 'Open calls of Citadel, by what they are for.',
  },
  citadelCallsRefused: {
    kind: 'counter',
    name: 'sidecert_citadel_calls_refused_total',
    help: 'Calls that the server refused or ended, not their method, by reason.',
  },
  citadelHeldBytes: {
    kind: 'gauge',
    name: 'sidecert_citadel_held_bytes',
    help: 'Octets that callers make Citadel hold.',
  },
  citadelConnectionsRefused: {
    kind: 'counter',
    name: 'sidecert_citadel_connections_refused_total',
    help: 'Connections that were closed before a request of them was read, by reason.',
  },
  citadelConnectionsEnded: {
    kind: 'counter',
    name: 'sidecert_citadel_connections_ended_total',
    help: 'Connections that were ended for what their peer did, or did not do, by reason.',
  },
  trailRecords: {
    kind: 'counter',
    name: 'sidecert_citadel_trail_records_total',
    help: 'Records of the trail that are on the disk, by event.',
  },
  trailRecordsLost: {
    kind: 'counter',
    name: 'sidecert_citadel_trail_records_lost_total',
    help: 'Records of the trail that were dropped, since the disk took none for too long.',
  },
  caKeyUsable: {
    kind: 'gauge',
    name: 'sidecert_citadel_ca_key_usable',
    help: 'Whether the token with the CA key signed when it was last asked to: 1, else 0.',
  },
  trailRecordsPending: {
    kind: 'gauge',
    name: 'sidecert_citadel_trail_records_pending',
    help: 'Records of the trail that wait for the disk.',
  },
  trailWriteFailures: {
    kind: 'counter',
    name: 'sidecert_citadel_trail_write_failures_total',
    help: 'Tries to write the trail that the disk refused.',
  },
  revokedCertificates: {
    kind: 'gauge',
    name: 'sidecert_citadel_revoked_certificates',
    help: 'Certificates on the revocation lists: those that were revoked and have not expired.',
  },
  revocationListsSigned: {
    kind: 'counter',
    name: 'sidecert_citadel_revocation_lists_signed_total',
    help: 'Revocation lists that were signed for agents.',
  },
  traceSpansExported: {
    kind: 'counter',
    name: 'sidecert_trace_spans_exported_total',
    help: 'Spans of traces that the collector has taken.',
  },
  traceSpansDropped: {
    kind: 'counter',
    name: 'sidecert_trace_spans_dropped_total',
    help: 'Spans of traces that were dropped, by reason.',
  },
  inventoryBehind: {
    kind: 'gauge',
    name: 'sidecert_citadel_inventory_behind_records',
    help: 'Records of the trail that are not in the inventory yet.',
  },
  inventoryFailures: {
    kind: 'counter',
    name: 'sidecert_citadel_inventory_failures_total',
    help: 'Times that the inventory could not be opened, read or written.',
  },
} as const satisfies Record<string, MetricDefinition>;

export interface CounterDefinition {
  readonly kind: 'counter';
  readonly name: string;
  readonly help: string;
}

export interface GaugeDefinition {
  readonly kind: 'gauge';
  readonly name: string;
  readonly help: string;
}

export interface HistogramDefinition {
  readonly kind: 'histogram';
  readonly name: string;
  readonly help: string;
  /** Upper bounds of the buckets, ascending; what is above them all is counted, too. */
  readonly bounds: readonly number[];
}

export type MetricDefinition = CounterDefinition | GaugeDefinition | HistogramDefinition;
