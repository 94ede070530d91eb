import { InspectedEnvoy } from '../checks/inspection.js';
import { EnvoyConnection } from './envoy-connection.js';
import { EnvoyStream, type EnvoyStreamOwner } from './envoy-stream.js';
import type { FakeEnvoyBehaviour, FleetContext } from './fleet-context.js';

/** Enough digits that all node ids of a fleet have one length: then all first requests can share their filler. */
const NUMBER_DIGITS = 6;

export interface FakeEnvoyOptions {
  readonly number: number;
  readonly behaviour: FakeEnvoyBehaviour;
  /** Of each of its calls, with its token if it has one. */
  readonly headerBlock: Buffer;
  /** What its token says that its certificate must be for. */
  readonly spiffePath: string | undefined;
  readonly streamNames: readonly string[];
  /** Whether one of those is the trust bundle. */
  readonly hasBundleStream: boolean;
  readonly isConnectionPerStream: boolean;
}

/** What a server sees of one Envoy: a connection, or one per secret, and a stream per secret. */
export class FakeEnvoy implements EnvoyStreamOwner {
  readonly number: number;
  readonly nodeId: string;
  readonly behaviour: FakeEnvoyBehaviour;
  readonly headerBlock: Buffer;
  readonly inspected: InspectedEnvoy;
  private readonly links: EnvoyConnection[] = [];

  constructor(options: FakeEnvoyOptions, context: FleetContext) {
    const { number, streamNames, isConnectionPerStream } = options;
    this.number = number;
    this.nodeId = `sidecar~127.0.0.1~fleet-${String(number).padStart(NUMBER_DIGITS, '0')}.default~default.svc.cluster.local`;
    this.behaviour = options.behaviour;
    this.headerBlock = options.headerBlock;
    this.inspected = new InspectedEnvoy(options.spiffePath, options.hasBundleStream);
    for (const name of streamNames) {
      let link = this.links[0];
      if (link === undefined || isConnectionPerStream) {
        link = new EnvoyConnection(context);
        this.links.push(link);
      }
      const writer = context.writers.get(name);
      if (writer !== undefined) link.streams.push(new EnvoyStream(name, this, link, writer, context));
    }
  }

  start(): void {
    for (const link of this.links) link.start();
  }

  /** Goes, and comes back at once. */
  restart(): void {
    for (const link of this.links) link.restart();
  }

  close(): void {
    for (const link of this.links) link.close();
  }
}
