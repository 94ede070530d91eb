/** Where an Envoy listens or connects: a network address or a Unix socket. */
export type EnvoyAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** Whom an inbound listener lets in, by the URI SAN of the peer. */
export interface AllowedSan {
  readonly kind: 'exact' | 'prefix';
  readonly value: string;
}

/**
 * How the workload's JWT reaches the agent: not at all (`none`), or in the metadata of each stream that Envoy opens,
 * put there by Google's gRPC client, or by a filter of Envoy's own client (Envoy 1.37 and newer), which has the path of
 * the token from a file of its own: see `tokenSecret`.
 */
export type TokenPassing =
  | { readonly kind: 'none' }
  | { readonly kind: 'google_grpc'; readonly tokenFile: string }
  | { readonly kind: 'injector'; readonly tokenSecretFile: string };

/**
 * By which of Envoy's APIs secrets are asked for: a stream for each secret that tells the state of the world or only
 * what changed, the same two with one stream for all secrets (ADS), or polls.
 */
export type SdsApi = 'sotw' | 'delta' | 'ads' | 'delta-ads' | 'rest';

/** Takes mutual TLS from `allowedSans` and passes the requests to the local application. */
export interface InboundProxy {
  readonly address: EnvoyAddress;
  readonly app: EnvoyAddress;
  /** At least one: without a matcher every peer with a certificate of the trust bundle is let in. */
  readonly allowedSans: readonly AllowedSan[];
}

/** Takes plain HTTP from the local application and calls, over mutual TLS, the upstream that the Host header names. */
export interface OutboundProxy {
  readonly address: EnvoyAddress;
  readonly upstreams: readonly UpstreamPeer[];
}

export interface UpstreamPeer {
  /** Host header, SNI and name of the cluster. */
  readonly name: string;
  readonly address: EnvoyAddress;
  /** The one identity that the peer must prove. */
  readonly spiffeId: string;
}

/** All that makes one sidecar's Envoy different from another's. */
export interface WorkloadProxy {
  readonly nodeId: string;
  readonly cluster: string;
  /** The agent's Unix socket; with `rest`, that of REST. */
  readonly socketPath: string;
  readonly tokenPassing: TokenPassing;
  /**
   * With `rest`, Google's client cannot pass a token; with ADS, an Envoy that has upstreams crashes at its start
   * (envoy#15517).
   */
  readonly sdsApi: SdsApi;
  /** Time between two polls; only `rest` polls. */
  readonly pollMs: number;
  /** The resource names under which the agent serves them. */
  readonly certificateName: string;
  readonly bundleName: string;
  readonly admin: EnvoyAddress;
  readonly inbound: InboundProxy | undefined;
  readonly outbound: OutboundProxy | undefined;
  /** How long a listener or cluster waits for its first secret before it opens without one. */
  readonly initialFetchTimeoutMs: number;
  /** When a connection to an upstream is replaced, so that both sides prove themselves again. */
  readonly maxConnectionAgeMs: number;
}
