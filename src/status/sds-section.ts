import { lstatSync } from 'node:fs';
import { Field } from '../telemetry/index.js';
import type { JsonValue } from './status-pages.js';
import { timeText } from './time-text.js';

interface RejectionFacts {
  readonly blames: string | undefined;
  readonly text: string;
  readonly version: string;
  /** Epoch milliseconds. */
  readonly atMs: number;
}

/** How a configured name stands with the streams that want it. */
interface NameFacts {
  readonly name: string;
  readonly version: string | undefined;
  readonly versionCount: number;
  readonly streams: Readonly<Record<string, number>>;
  readonly ackedVersions: readonly { readonly version: string; readonly streams: number }[];
  readonly lastRejection: RejectionFacts | undefined;
}

/** All streams of one node id. */
interface SubscriberFacts {
  readonly nodeId: string;
  readonly streams: number;
  readonly connections: readonly {
    readonly connection: number;
    readonly peer: { readonly uid: number; readonly pid: number } | undefined;
  }[];
  readonly names: readonly {
    readonly name: string;
    readonly state: string;
    readonly kind: string | undefined;
    readonly version: string | undefined;
    readonly ackedVersion: string | undefined;
    readonly ackedAtMs: number | undefined;
    readonly lastRejection: RejectionFacts | undefined;
  }[];
}

/** How the streams of all Envoys stand. */
export interface SdsFacts {
  readonly streams: number;
  readonly names: readonly NameFacts[];
  readonly neverServed: readonly { readonly name: string; readonly streams: number }[];
  readonly subscribers: { readonly count: number; readonly shown: readonly SubscriberFacts[] };
}

/** The socket that Envoys ask on, and its streams. `lastConnectionMs`: epoch milliseconds; `undefined`: none came. */
export function sdsSection(
  { path, connections, lastConnectionMs }: SocketFacts,
  { streams, names, neverServed, subscribers }: SdsFacts,
): JsonValue {
  const { count, shown } = subscribers;
  return {
    connections,
    streams,
    socket: socketSection(path),
    last_connection: timeText(lastConnectionMs),
    names: names.map(nameSection),
    ...(neverServed.length > 0 && { never_served: neverServed.map((one) => ({ ...one })) }),
    subscriber_count: count,
    subscribers_left_out: count - shown.length,
    subscribers: shown.map(subscriberSection),
  };
}

export interface SocketFacts {
  readonly path: string;
  readonly connections: number;
  readonly lastConnectionMs: number | undefined;
}

/** Who may connect is seen on the file, which others can change. */
function socketSection(path: string): JsonValue {
  const state = lstatSync(path, { throwIfNoEntry: false });
  if (state === undefined) return { path, error: 'ENOENT' };
  return { path, mode: (state.mode & 0o7777).toString(8).padStart(4, '0'), uid: state.uid, gid: state.gid };
}

function nameSection({ name, version, versionCount, streams, ackedVersions, lastRejection }: NameFacts): JsonValue {
  return {
    name,
    version,
    versions: versionCount,
    streams: { ...streams },
    acked: ackedVersions.map((one) => ({ ...one })),
    last_rejection: lastRejection && rejectionSection(lastRejection),
  };
}

function subscriberSection({ nodeId, streams, connections, names }: SubscriberFacts): JsonValue {
  return {
    [Field.nodeId]: nodeId,
    streams,
    // The pid is 0 where the peer is in another pid namespace.
    connections: connections.map(({ connection, peer }) => ({
      [Field.connection]: connection,
      [Field.pid]: peer?.pid,
      [Field.uid]: peer?.uid,
    })),
    names: names.map((one) => ({
      name: one.name,
      kind: one.kind,
      state: one.state,
      version: one.version,
      acked: one.ackedVersion,
      acked_at: timeText(one.ackedAtMs),
      last_rejection: one.lastRejection && rejectionSection(one.lastRejection),
    })),
  };
}

function rejectionSection({ blames, text, version, atMs }: RejectionFacts): JsonValue {
  return { blames, [Field.error]: text, [Field.version]: version, at: timeText(atMs) };
}
