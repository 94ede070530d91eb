import type { HotPathMode } from '../hotpath/index.js';

/** What a fleet is told. The settings of `sidecert fleet`, and who it runs for. */
export interface FleetOptions {
  readonly socket: string;
  /** Who serves its sockets: the addon (`native`), or Node.js. */
  readonly hotPath: HotPathMode;
  readonly envoys: number;
  /** The secrets that each Envoy asks for, a stream for each. */
  readonly streams: readonly string[];
  readonly connections: 'per-envoy' | 'per-stream';
  readonly delta: boolean;
  /** A directory with a token for each Envoy, in the order of the names. */
  readonly tokensDirectory: string | undefined;
  /** One token for all. */
  readonly tokenFile: string | undefined;
  readonly rampMs: number;
  /** How many rotations to wait for; `undefined` for as many as come in `durationMs`, or 5. */
  readonly rotations: number | undefined;
  readonly durationMs: number | undefined;
  /** For all of it: what has not come by then is missing. */
  readonly timeoutMs: number;
  readonly firstRequestBytes: number;
  readonly misbehave: Misbehaviour | undefined;
}

/** Envoys that do not behave: a share of them (0 to 1), or a number of them per second that go and come back. */
export type Misbehaviour =
  | { readonly kind: 'slow' | 'nack' | 'silent'; readonly share: number }
  | { readonly kind: 'churn'; readonly perSecond: number };

/** Whom a run of a fleet tells how it goes. */
export interface FleetObserver {
  /** Several times a second. */
  progress(state: FleetState): void;
  /** When something is done: all served, a rotation complete. */
  milestone(text: string): void;
}

export interface FleetState {
  readonly elapsedMs: number;
  readonly started: number;
  readonly envoys: number;
  readonly served: number;
  readonly streams: number;
  readonly rotations: number;
  readonly pushes: number;
  readonly refusedConnects: number;
  readonly errors: number;
}
