import type { MetricDefinition } from './metric-names.js';

/**
 * What istiod's CA calls its metrics, with its help texts: dashboards and alerts that were written for it read Citadel,
 * too. They keep none of our rules for names. (istio/istio at eed52ebb66ad, security/pkg/server/ca/monitoring.go)
 */
export const IstioMetric = {
  csrCount: {
    kind: 'counter',
    name: 'citadel_server_csr_count',
    help: 'The number of CSRs received by Citadel server.',
  },
  authenticationFailureCount: {
    kind: 'counter',
    name: 'citadel_server_authentication_failure_count',
    help: 'The number of authentication failures.',
  },
  csrParsingErrCount: {
    kind: 'counter',
    name: 'citadel_server_csr_parsing_err_count',
    help: 'The number of errors occurred when parsing the CSR.',
  },
  idExtractionErrCount: {
    kind: 'counter',
    name: 'citadel_server_id_extraction_err_count',
    help: 'The number of errors occurred when extracting the ID from CSR.',
  },
  csrSignErrCount: {
    kind: 'counter',
    name: 'citadel_server_csr_sign_err_count',
    help: 'The number of errors occurred when signing the CSR.',
  },
  successCertIssuanceCount: {
    kind: 'counter',
    name: 'citadel_server_success_cert_issuance_count',
    help: 'The number of certificates issuances that have succeeded.',
  },
  rootCertExpiryTimestamp: {
    kind: 'gauge',
    name: 'citadel_server_root_cert_expiry_timestamp',
    help: 'The unix timestamp, in seconds, when the root cert will expire.',
  },
  rootCertExpirySeconds: {
    kind: 'gauge',
    name: 'citadel_server_root_cert_expiry_seconds',
    help: 'The time remaining, in seconds, before the root cert will expire. A negative value indicates the cert is expired.',
  },
  certChainExpiryTimestamp: {
    kind: 'gauge',
    name: 'citadel_server_cert_chain_expiry_timestamp',
    help: 'The unix timestamp, in seconds, when Istio generated cert chain will expire.',
  },
  certChainExpirySeconds: {
    kind: 'gauge',
    name: 'citadel_server_cert_chain_expiry_seconds',
    help: 'The time remaining, in seconds, before the Istio Generated cert chain will expire. A negative value indicates the cert is expired.',
  },
} as const satisfies Record<string, MetricDefinition>;
