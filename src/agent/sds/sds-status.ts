import type { Content } from './contents.js';
import type { LastRejection, LastRejections } from './last-rejections.js';
import type { NameLabels } from './name-labels.js';
import type { NameState } from './sending.js';

/** How the streams of a server stand, for people: counts, versions and texts, no secrets. */
export interface SdsStatus {
  /** Streams that are served now, or wait for their caller to be known. */
  readonly streams: number;
  /** Of each configured name, and of all others together as `other`. */
  readonly names: readonly NameStatus[];
}

export interface NameStatus {
  readonly name: string;
  /** Of the newest content. Several where callers differ; then only the first that was met. */
  readonly version: string | undefined;
  /** How many versions there are: one for each identity. */
  readonly versionCount: number;
  /** Streams that want it, by how it stands with them. */
  readonly streams: Readonly<Record<NameState, number>>;
  readonly lastRejection: LastRejection | undefined;
}

/** A stream, as far as status goes. */
export interface StandingStream {
  /** Calls `visit` for each wanted name, with its newest content. */
  eachName(visit: (name: string, state: NameState, content: Content | undefined) => void): void;
}

interface Standing {
  readonly versions: Set<string>;
  readonly streams: Record<NameState, number>;
}

/** Goes over all streams: to be asked now and then, not at each push. */
export function readStatus(
  streams: ReadonlySet<StandingStream>,
  { labels, rejections }: { labels: NameLabels; rejections: LastRejections },
): SdsStatus {
  const standings = new Map<string, Standing>(labels.all().map((label) => [label, newStanding()]));
  const visit = (name: string, state: NameState, content: Content | undefined): void => {
    const standing = standings.get(labels.of(name));
    if (standing === undefined) return;
    standing.streams[state] += 1;
    if (content !== undefined) standing.versions.add(content.version);
  };
  for (const stream of streams) stream.eachName(visit);
  const names = [...standings].map(([name, { versions, streams }]) => {
    const [version] = versions;
    return { name, version, versionCount: versions.size, streams, lastRejection: rejections.last(name) };
  });
  return { streams: streams.size, names };
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
  return { versions: new Set(), streams: { applied: 0, rejected: 0, unanswered: 0, waiting: 0 } };
}
