import type { HotPathMode } from '../../hotpath/index.js';

export type CallerKeyType = 'ec-p256' | 'ec-p384' | 'rsa-2048' | 'rsa-3072' | 'rsa-4096';

/** What a load of a CA is told: the settings of `sidecert load-ca`. */
export interface CaLoadOptions {
  readonly ca: LoadedCa;
  /** A directory with tokens, one file each, which the requests take in turn. */
  readonly tokensDirectory: string | undefined;
  /** One token for all. */
  readonly tokenFile: string | undefined;
  readonly clusterId: string;
  /** Of the CSRs; the requests take them in turn. */
  readonly keyTypes: readonly CallerKeyType[];
  readonly ttlMs: number;
  /** How many requests are in flight all the time; without meaning where there is a `rate`. */
  readonly concurrency: number;
  /** Of which each has its share of the requests. */
  readonly connections: number;
  /** Each request dials. */
  readonly hasNewConnections: boolean;
  /** Requests a second, whatever becomes of those before. */
  readonly rate: number | undefined;
  /** No more begin after so many. */
  readonly requests: number | undefined;
  /** What has failed is asked again, as agents do. */
  readonly retries: boolean;
  /** Milliseconds in which requests begin. */
  readonly durationMs: number;
  /** How long one attempt may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Who makes the keys of the CSRs. */
  readonly hotPath: HotPathMode;
}

/** Where it listens, and what its certificate must lead to. */
export interface LoadedCa {
  /** `host:port`, an IPv6 address in brackets. */
  readonly address: string;
  /** A file of PEM; `undefined` in plain text. */
  readonly rootFile: string | undefined;
  readonly serverName: string | undefined;
}

/** How a run goes. */
export interface CaLoadState {
  readonly elapsedMs: number;
  readonly begun: number;
  readonly inFlight: number;
  readonly issued: number;
  readonly failed: number;
}

/** Whom a run tells how it goes. */
export interface CaLoadObserver {
  /** Several times a second. */
  progress(state: CaLoadState): void;
}
