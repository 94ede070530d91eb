import type { Content } from './contents.js';
import type { StreamRejection } from './last-rejections.js';
import type { SecretKind } from './secret-kind.js';
import type { NameState } from './sending.js';
import type { StreamIdentity } from './stream-log.js';

/** A name that a stream wants, as it stands. */
export interface WantedName {
  readonly name: string;
  /** `not_served`: no secret of that name can ever be. */
  readonly state: NameState | 'not_served';
  /** Of its secret, as far as it is known. */
  readonly kind: SecretKind | undefined;
  /** The newest version that there is for this stream. */
  readonly version: string | undefined;
  /** What its peer has ACKed last. */
  readonly ackedVersion: string | undefined;
}

/** A stream as its operator sees it. */
export interface SubscribedStream extends StreamIdentity {
  readonly peer: { readonly uid: number; readonly pid: number } | undefined;
  /** When its peer has ACKed last, in epoch milliseconds; `undefined`: never. */
  readonly ackedAtMs: number | undefined;
  /** What its peer refused last, unless it has ACKed since. */
  readonly lastRejection: StreamRejection | undefined;
  eachName(visit: NameVisitor): void;
  isNeverServed(name: string): boolean;
}

/** Is called for each wanted name: how it stands, its newest content, and what the peer has ACKed. */
export type NameVisitor = (
  name: string,
  state: NameState,
  content: Content | undefined,
  applied: Content | undefined,
) => void;

/** All streams of one node id: an Envoy has one for each of its secrets. */
export interface Subscriber {
  /** What the peer calls itself: never identity. Empty where it has said nothing. */
  readonly nodeId: string;
  readonly streams: number;
  /** Some of them, when there are many. */
  readonly connections: readonly { readonly connection: number; readonly peer: SubscribedStream['peer'] }[];
  /** Some of them, when there are many; those in trouble first. */
  readonly names: readonly (WantedName & Pick<SubscribedStream, 'ackedAtMs' | 'lastRejection'>)[];
}

/** The subscribers that an operator looks for first, and how many there are in all. */
export interface Subscribers {
  readonly count: number;
  readonly shown: readonly Subscriber[];
}

/** More than any pod has: the page stays below a megabyte, and is made within milliseconds. */
const MAX_SHOWN = 100;
const MAX_CONNECTIONS = 8;
const MAX_NAMES = 32;

/** What comes first; the more trouble, the higher. */
const TROUBLE: Readonly<Record<WantedName['state'], number>> = {
  rejected: 4,
  not_served: 3,
  unanswered: 2,
  waiting: 1,
  applied: 0,
};

interface Group {
  trouble: number;
  /** The number of its newest stream. */
  newest: number;
  readonly streams: SubscribedStream[];
}

/**
 * The streams by node id: those in trouble first, of these the newest. Goes over all streams once, and looks closely at
 * those that are shown.
 */
export function readSubscribers(streams: Iterable<SubscribedStream>): Subscribers {
  const groups = new Map<string, Group>();
  for (const stream of streams) {
    const { nodeId, connection, stream: number } = stream;
    const key = nodeId === '' ? `connection ${connection}` : `node ${nodeId}`;
    let group = groups.get(key);
    if (group === undefined) {
      group = { trouble: 0, newest: 0, streams: [] };
      groups.set(key, group);
    }
    group.streams.push(stream);
    group.newest = Math.max(group.newest, number);
    group.trouble = Math.max(group.trouble, troubleOf(stream));
  }
  const shown = [...groups.values()]
    .sort((a, b) => b.trouble - a.trouble || b.newest - a.newest)
    .slice(0, MAX_SHOWN)
    .map(({ streams }) => subscriberOf(streams));
  return { count: groups.size, shown };
}

/** How a name stands, told apart from one that can never be served. */
export function wantedState(stream: Pick<SubscribedStream, 'isNeverServed'>, name: string, state: NameState) {
  return state === 'waiting' && stream.isNeverServed(name) ? 'not_served' : state;
}

function troubleOf(stream: SubscribedStream): number {
  let trouble = 0;
  stream.eachName((name, state) => {
    trouble = Math.max(trouble, TROUBLE[wantedState(stream, name, state)]);
  });
  return trouble;
}

function subscriberOf(streams: readonly SubscribedStream[]): Subscriber {
  const connections = new Map(streams.map(({ connection, peer }) => [connection, { connection, peer }]));
  return {
    nodeId: streams[0]?.nodeId ?? '',
    streams: streams.length,
    connections: [...connections.values()].slice(0, MAX_CONNECTIONS),
    names: streams
      .flatMap(namesOf)
      .sort((a, b) => TROUBLE[b.state] - TROUBLE[a.state])
      .slice(0, MAX_NAMES),
  };
}

function namesOf(stream: SubscribedStream): Subscriber['names'] {
  const names: Subscriber['names'][number][] = [];
  const { ackedAtMs, lastRejection } = stream;
  stream.eachName((name, state, content, applied) => {
    names.push({
      ...{ name, state: wantedState(stream, name, state), version: content?.version },
      ...{ ackedVersion: applied?.version, kind: content?.kind ?? applied?.kind },
      ackedAtMs: applied === undefined ? undefined : ackedAtMs,
      lastRejection: lastRejection?.names.includes(name) ? lastRejection : undefined,
    });
  });
  return names;
}
