import type { Inspection } from '../checks/inspection.js';
import type { ContentMemory } from '../checks/received-content.js';
import type { Recorder } from '../measure/recorder.js';
import type { FleetSockets } from '../sockets/fleet-socket.js';
import type { NodeFiller, RequestWriter } from '../xds/requests.js';
import type { ResponseReader } from '../xds/response-reader.js';
import type { RetryQueue } from './retry-queue.js';

/** How an Envoy behaves: `slow` reads and answers once a second, `nack` rejects everything, `silent` never answers. */
export type FakeEnvoyBehaviour = 'good' | 'slow' | 'nack' | 'silent';

/** A slow stream that holds an answer back. */
export interface Sleeper {
  wake(): void;
}

/** What all Envoys of a fleet share. */
export interface FleetContext {
  readonly socketPath: string;
  readonly sockets: FleetSockets;
  readonly writers: ReadonlyMap<string, RequestWriter>;
  readonly filler: NodeFiller;
  readonly firstRequestBytes: number;
  readonly reader: ResponseReader;
  readonly contents: ContentMemory;
  readonly inspection: Inspection;
  readonly recorder: Recorder;
  readonly retries: RetryQueue;
  /** Emptied once a second. */
  readonly sleepers: Sleeper[];
}
