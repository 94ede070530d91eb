import { NO_ADDON } from '../hotpath/implementations.js';
import type { RawPeer } from '../support/raw-peer.js';

/** Of one test that starts a process. */
export const TIMEOUT_MS = 120_000;

export const HOT_PATHS = [
  { hotPath: 'native', skip: NO_ADDON },
  { hotPath: 'js', skip: false },
] as const;

/** Sends what `partOf` gives, as fast as it is taken; ends early when the connection does. */
export async function pour(peer: RawPeer, count: number, partOf: (index: number) => Buffer): Promise<void> {
  for (let index = 0; index < count && !peer.isClosed; index += 1) {
    const isTaken = peer.socket.write(partOf(index));
    peer.frames.length = 0;
    if (!isTaken) await peer.drained();
  }
}
