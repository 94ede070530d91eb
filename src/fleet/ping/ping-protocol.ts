/** What the thread is started with. */
export interface PingOptions {
  readonly socketPath: string;
  readonly connections: number;
  readonly periodMs: number;
  readonly reportPeriodMs: number;
}

/** What the thread posts: pairs of the time of the answer (epoch milliseconds) and the round trip (milliseconds). */
export type PingSamples = Float64Array;

/** One PING and its answer. */
export interface PingSample {
  readonly answeredAtMs: number;
  readonly roundTripMs: number;
}
