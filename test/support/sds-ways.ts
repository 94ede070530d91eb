import type { SdsApi, WorkloadProxy } from '../../src/app/bootstrap/workload-proxy.js';

/** One of the ways in which an Envoy can ask for its secrets. */
export interface SdsWay {
  readonly name: string;
  readonly api: SdsApi;
  /** Whether Google's client asks, and brings the token of a file. */
  readonly bringsToken: boolean;
  /** Whether all secrets come on one stream. */
  readonly isAggregated: boolean;
  /** Which counter of a secret has to grow by how much to prove that one more question was answered. */
  readonly answered: { readonly counter: string; readonly by: number };
}

const way = (name: string, api: SdsApi, bringsToken = false): SdsWay => ({
  ...{ name, api, bringsToken },
  isAggregated: api === 'ads' || api === 'delta-ads',
  // "Not modified" is no update; but a poll begins only when the one before it has ended.
  answered: api === 'rest' ? { counter: 'update_attempt', by: 2 } : { counter: 'update_success', by: 1 },
});

/** Those with streams, where an Envoy says what it takes and refuses. */
export const STREAM_WAYS: readonly SdsWay[] = [
  way('envoy_grpc, state of the world', 'sotw'),
  way('envoy_grpc, delta', 'delta'),
  way('google_grpc with a token, state of the world', 'sotw', true),
  way('google_grpc with a token, delta', 'delta', true),
  way('ADS, state of the world', 'ads'),
  way('ADS, delta', 'delta-ads'),
  way('ADS with a token, state of the world', 'ads', true),
];

/** Polls: no stream, no ACK and no NACK. */
export const REST_WAY = way('REST', 'rest');

/** The part of a proxy that says so. */
export function asksBy(
  { api, bringsToken }: SdsWay,
  tokenFile: string,
): Pick<WorkloadProxy, 'sdsApi' | 'tokenPassing'> {
  return { sdsApi: api, tokenPassing: bringsToken ? { kind: 'stream', tokenFile } : { kind: 'file' } };
}
