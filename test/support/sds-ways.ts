import { writeFileSync } from 'node:fs';
import { tokenSecret } from '../../src/envoy-bootstrap/token-injector.js';
import type { SdsApi, TokenPassing, WorkloadProxy } from '../../src/envoy-bootstrap/workload-proxy.js';

/** One of the ways in which an Envoy can ask for its secrets. */
export interface SdsWay {
  readonly name: string;
  readonly api: SdsApi;
  /** What in Envoy brings the token of a file, if it brings one. */
  readonly tokenBy: TokenPassing['kind'];
  /** Whether all secrets come on one stream. */
  readonly isAggregated: boolean;
  /** Which counter of a secret has to grow by how much to prove that one more question was answered. */
  readonly answered: { readonly counter: string; readonly by: number };
}

const way = (name: string, api: SdsApi, tokenBy: TokenPassing['kind'] = 'none'): SdsWay => ({
  ...{ name, api, tokenBy },
  isAggregated: api === 'ads' || api === 'delta-ads',
  // "Not modified" is no update; but a poll begins only when the one before it has ended.
  answered: api === 'rest' ? { counter: 'update_attempt', by: 2 } : { counter: 'update_success', by: 1 },
});

/** Those with streams, where an Envoy says what it takes and refuses. */
export const STREAM_WAYS: readonly SdsWay[] = [
  way('envoy_grpc, state of the world', 'sotw'),
  way('envoy_grpc, delta', 'delta'),
  way('google_grpc with a token, state of the world', 'sotw', 'google_grpc'),
  way('google_grpc with a token, delta', 'delta', 'google_grpc'),
  way('ADS, state of the world', 'ads'),
  way('ADS, delta', 'delta-ads'),
  way('ADS with a token, state of the world', 'ads', 'google_grpc'),
  way('envoy_grpc with an injected token, state of the world', 'sotw', 'injector'),
  way('envoy_grpc with an injected token, delta', 'delta', 'injector'),
  way('ADS with an injected token, delta', 'delta-ads', 'injector'),
];

/** Polls: no stream, no ACK and no NACK. */
export const REST_WAYS: readonly SdsWay[] = [
  way('REST', 'rest'),
  way('REST with an injected token', 'rest', 'injector'),
];

/** Those that an Envoy of this name has, as {@link realEnvoys} has them: the oldest lacks the injector. */
export function waysOf(envoy: string, ways: readonly SdsWay[]): SdsWay[] {
  return ways.filter(({ tokenBy }) => tokenBy !== 'injector' || envoy !== 'the oldest Envoy');
}

/** The part of a proxy that says so; for the injector, the file that it needs is written beside that of the token. */
export function asksBy({ api, tokenBy }: SdsWay, tokenFile: string): Pick<WorkloadProxy, 'sdsApi' | 'tokenPassing'> {
  return { sdsApi: api, tokenPassing: passing(tokenBy, tokenFile) };
}

function passing(tokenBy: SdsWay['tokenBy'], tokenFile: string): TokenPassing {
  if (tokenBy === 'none') return { kind: tokenBy };
  if (tokenBy === 'google_grpc') return { kind: tokenBy, tokenFile };
  const tokenSecretFile = `${tokenFile}.yaml`;
  // JSON is YAML.
  writeFileSync(tokenSecretFile, JSON.stringify(tokenSecret(tokenFile)));
  return { kind: tokenBy, tokenSecretFile };
}
