import type { Content } from './contents.js';
import type { SubscribedStream } from './subscribers.js';

/** Peers that do not have the newest secret of a kind. */
export interface Unacknowledged {
  readonly count: number;
  /** What some of them call themselves: never identity. */
  readonly nodeIds: readonly string[];
}

const MAX_NODE_IDS = 16;

/** Those whose streams want a trust bundle, and have not ACKed its newest version. Goes over all streams. */
export function withoutNewestBundle(streams: Iterable<SubscribedStream>): Unacknowledged {
  return behind(streams, ({ kind, version }, acked) => kind === 'validation-context' && acked !== version);
}

/** Says whether a peer that is to have the certificate of version `newest` lacks it in a way that matters. */
export type IsBehind = (newest: string, acked: string | undefined) => boolean;

/** Those whose streams want a certificate, have not ACKed its newest version, and lack it by `isBehind`. */
export function withFormerLeaf(streams: Iterable<SubscribedStream>, isBehind: IsBehind): Unacknowledged {
  return behind(streams, ({ kind, version }, acked) => kind === 'certificate' && isBehind(version, acked));
}

function behind(
  streams: Iterable<SubscribedStream>,
  isBehind: (newest: Content, acked: string | undefined) => boolean,
): Unacknowledged {
  const nodeIds = new Set<string>();
  for (const stream of streams) {
    stream.eachName((_name, state, content, applied) => {
      if (state !== 'applied' && content !== undefined && isBehind(content, applied?.version)) {
        nodeIds.add(stream.nodeId === '' ? `connection ${stream.connection}` : stream.nodeId);
      }
    });
  }
  return { count: nodeIds.size, nodeIds: [...nodeIds].slice(0, MAX_NODE_IDS) };
}
