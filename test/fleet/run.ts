import type { Test } from 'tap';
import type { FleetOptions } from '../../src/fleet/index.js';
import { runFleet } from '../../src/fleet/index.js';
import { PATIENCE_MS } from '../support/patience.js';

export interface FleetEvents {
  /** Called at each milestone of the run. */
  readonly onMilestone?: (text: string) => void;
}

/** Runs a small fleet to its end; it is stopped with the test. */
export function fleetOn(t: Test, socket: string, changes: Partial<FleetOptions> = {}, events: FleetEvents = {}) {
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const options: FleetOptions = {
    socket,
    hotPath: 'auto',
    envoys: 10,
    streams: ['default', 'ROOTCA'],
    connections: 'per-envoy',
    delta: false,
    tokensDirectory: undefined,
    tokenFile: undefined,
    rampMs: 0,
    rotations: changes.durationMs === undefined ? 0 : undefined,
    durationMs: undefined,
    timeoutMs: PATIENCE_MS,
    firstRequestBytes: 0,
    misbehave: undefined,
    ...changes,
  };
  const observer = { progress() {}, milestone: (text: string) => events.onMilestone?.(text) };
  return runFleet(options, { observer, signal: stop.signal, now: Date.now, random: Math.random });
}
