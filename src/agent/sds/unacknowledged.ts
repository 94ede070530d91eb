import type { SecretKind } from './secret-kind.js';
import type { SubscribedStream } from './subscribers.js';

/** Peers that do not have the newest secret of a kind. */
export interface Unacknowledged {
  readonly count: number;
  /** What some of them call themselves: never identity. */
  readonly nodeIds: readonly string[];
}

const MAX_NODE_IDS = 16;

/** Those whose streams want a secret of `kind`, and have not ACKed its newest version. Goes over all streams. */
export function unacknowledged(streams: Iterable<SubscribedStream>, kind: SecretKind): Unacknowledged {
  const nodeIds = new Set<string>();
  for (const stream of streams) {
    stream.eachName((_name, state, content, applied) => {
      if (state !== 'applied' && content?.kind === kind && applied?.version !== content.version) {
        nodeIds.add(stream.nodeId === '' ? `connection ${stream.connection}` : stream.nodeId);
      }
    });
  }
  return { count: nodeIds.size, nodeIds: [...nodeIds].slice(0, MAX_NODE_IDS) };
}
