import type { Socket } from 'node:net';
import { peerCredentials } from '../../system/platform/index.js';
import type { WirePeer } from '../http2/index.js';

/**
 * Who is at the other end of a Unix socket of Node.js; `undefined` without the addon, and where the kernel does not
 * tell.
 */
export function unixPeer(socket: Socket): WirePeer | undefined {
  // Node.js has the descriptor in its handle alone.
  const { _handle: handle } = socket as { _handle?: { readonly fd?: number } | null };
  const answer = peerCredentials(handle?.fd ?? -1);
  return answer.kind === 'known' ? answer.peer : undefined;
}
