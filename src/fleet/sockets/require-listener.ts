import { connect } from 'node:net';
import { IdentityError } from '../../errors/index.js';

/** What no waiting mends: no socket, no listener, not allowed. A full backlog is none of them. (connect(2), unix(7)) */
const HOPELESS: readonly string[] = ['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'EACCES', 'EPERM', 'ENOTSOCK', 'EPROTOTYPE'];

/**
 * Resolves when the Unix socket has a listener, or when that cannot be said. So a wrong path is told at once, and not
 * after all the time that thousands of Envoys try to connect.
 * @throws IdentityError `ERR_CONFIG_INVALID`.
 */
export function requireListener(socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: socketPath }, () => {
      socket.destroy();
      resolve();
    });
    socket.on('error', ({ code = '', message }: NodeJS.ErrnoException) => {
      const got = `--socket: got ${JSON.stringify(socketPath)}, expected a socket that a server listens on: ${message}`;
      if (HOPELESS.includes(code)) reject(new IdentityError('ERR_CONFIG_INVALID', got));
      else resolve();
    });
  });
}
