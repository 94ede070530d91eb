import type { Content } from './contents.js';
import type { LastRejection, LastRejections } from './last-rejections.js';
import type { NameLabels } from './name-labels.js';
import type { NameState } from './sending.js';
import {
  type NameVisitor,
  readSubscribers,
  type SubscribedStream,
  type Subscribers,
  wantedState,
} from './subscribers.js';

/** How the streams of a server stand, for people: counts, versions and texts, no secrets. */
export interface SdsStatus {
  /** Streams that are served now, or wait for their caller to be known. */
  readonly streams: number;
  /** Of each configured name, and of all others together as `other`. */
  readonly names: readonly NameStatus[];
  /** Names that streams want and never get, with how many want them; some of them, when there are many. */
  readonly neverServed: readonly { readonly name: string; readonly streams: number }[];
  readonly subscribers: Subscribers;
}

export interface NameStatus {
  readonly name: string;
  /** Of the newest content. Several where callers differ; then only the first that was met. */
  readonly version: string | undefined;
  /** How many versions there are: one for each identity. */
  readonly versionCount: number;
  /** Streams that want it, by how it stands with them. */
  readonly streams: Readonly<Record<NameState, number>>;
  /** What peers have ACKed, with how many streams have: the most frequent versions. */
  readonly ackedVersions: readonly { readonly version: string; readonly streams: number }[];
  readonly lastRejection: LastRejection | undefined;
}

/** A stream, as far as status goes. */
export interface StandingStream {
  /** Calls `visit` for each wanted name, with its newest content. */
  eachName(visit: NameVisitor): void;
}

/** Of each kind, on the page: an agent of 500 pods has as many versions, and peers ask for what they like. */
const MAX_VERSIONS = 8;
const MAX_NEVER_SERVED = 32;

interface Standing {
  readonly versions: Set<string>;
  readonly acked: Map<string, number>;
  readonly streams: Record<NameState, number>;
}

/** Goes over all streams: to be asked now and then, not at each push. */
export function readStatus(
  streams: ReadonlySet<SubscribedStream>,
  { labels, rejections }: { labels: NameLabels; rejections: LastRejections },
): SdsStatus {
  const standings = new Map<string, Standing>(labels.all().map((label) => [label, newStanding()]));
  const neverServed = new Map<string, number>();
  for (const stream of streams) {
    stream.eachName((name, state, content, applied) => {
      const standing = standings.get(labels.of(name));
      if (standing === undefined) return;
      standing.streams[state] += 1;
      if (content !== undefined) standing.versions.add(content.version);
      if (applied !== undefined) count(standing.acked, applied.version);
      const isShown = neverServed.size < MAX_NEVER_SERVED || neverServed.has(name);
      if (isShown && wantedState(stream, name, state) === 'not_served') count(neverServed, name);
    });
  }
  const names = [...standings].map(([name, { versions, acked, streams }]) => {
    const [version] = versions;
    const ackedVersions = [...acked]
      .map(([version, streams]) => ({ version, streams }))
      .sort((a, b) => b.streams - a.streams)
      .slice(0, MAX_VERSIONS);
    return {
      ...{ name, version, versionCount: versions.size, streams, ackedVersions },
      lastRejection: rejections.last(name),
    };
  });
  return {
    ...{ streams: streams.size, names, subscribers: readSubscribers(streams) },
    neverServed: [...neverServed].map(([name, streams]) => ({ name, streams })),
  };
}

/** Whether every stream has answered all that there is for it. */
export function isSettled(streams: ReadonlySet<StandingStream>): boolean {
  let settled = true;
  const visit = (_name: string, state: NameState, content: Content | undefined): void => {
    if (state === 'unanswered' || (state === 'waiting' && content !== undefined)) settled = false;
  };
  for (const stream of streams) {
    stream.eachName(visit);
    if (!settled) return false;
  }
  return true;
}

function newStanding(): Standing {
  return { versions: new Set(), acked: new Map(), streams: { applied: 0, rejected: 0, unanswered: 0, waiting: 0 } };
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
