import { connect } from 'node:net';
import type { DialEvents, Dialling } from './dialling.js';

/** Connects to a Unix socket of this machine. */
export function dialUnix(path: string, events: DialEvents): Dialling {
  const socket = connect({ path });
  const failed = (error: Error): void => events.onFailed({ reason: error.message, isUnverified: false });
  socket.once('error', failed);
  socket.once('connect', () => {
    socket.off('error', failed);
    events.onConnected(socket);
  });
  return {
    cancel() {
      // An error of a socket that was cancelled means nothing.
      socket.off('error', failed).on('error', () => {});
      if (socket.connecting) socket.destroy();
    },
  };
}
