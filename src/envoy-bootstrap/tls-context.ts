import { type EnvoyObject, typed } from './envoy-values.js';
import { bundleConfig, certificateConfig, type SdsOptions } from './sds-config.js';
import type { AllowedSan } from './workload-proxy.js';

const TLS = 'envoy.extensions.transport_sockets.tls.v3';

/**
 * The server's side of mutual TLS: no certificate, or another name than the allowed ones, ends the handshake.
 *
 * No session is resumed. In a resumed one the client proves nothing again: its certificate may have expired, been
 * revoked, or no longer be allowed, for as long as this side keeps its own certificate. (RFC 8446 §2.2, §4.6.1)
 */
export function downstreamTls(sds: SdsOptions, allowedSans: readonly AllowedSan[]): EnvoyObject {
  return transportSocket(`${TLS}.DownstreamTlsContext`, {
    require_client_certificate: true,
    disable_stateless_session_resumption: true,
    disable_stateful_session_resumption: true,
    common_tls_context: {
      ...commonTls(sds, allowedSans),
      alpn_protocols: ['h2', 'http/1.1'],
    },
  });
}

/** The client's side of mutual TLS: the peer must prove an allowed SPIFFE ID in each handshake. */
export function upstreamTls(sds: SdsOptions, sni: string, allowed: AllowedSan): EnvoyObject {
  return transportSocket(`${TLS}.UpstreamTlsContext`, {
    sni,
    // Sessions to resume: none, with any server.
    max_session_keys: 0,
    common_tls_context: commonTls(sds, [allowed]),
  });
}

function commonTls(sds: SdsOptions, sans: readonly AllowedSan[]): EnvoyObject {
  return {
    tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
    tls_certificate_sds_secret_configs: [certificateConfig(sds)],
    // Combined, because with a SAN matcher Envoy refuses a context without roots. Without one it would accept an empty
    // context and stop verifying its peers.
    combined_validation_context: {
      default_validation_context: {
        match_typed_subject_alt_names: sans.map(({ kind, value }) => ({ san_type: 'URI', matcher: { [kind]: value } })),
      },
      validation_context_sds_secret_config: bundleConfig(sds),
    },
  };
}

function transportSocket(type: string, fields: EnvoyObject): EnvoyObject {
  return { name: 'envoy.transport_sockets.tls', typed_config: typed(type, fields) };
}
