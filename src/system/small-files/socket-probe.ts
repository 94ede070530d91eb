import { connect } from 'node:net';

/**
 * Linux keeps a socket's path in `sun_path`, 108 bytes with the closing zero; libuv cuts a longer one without a word.
 * (unix(7))
 */
export const MAX_SOCKET_PATH_BYTES = 107;

/**
 * Whether a process listens on the socket at `path`; false when there is none.
 * @throws the error of the system when that cannot be told; one of code `ETIMEDOUT` when there is no answer within
 *   `timeoutMs`: left out, the kernel's answer is waited for.
 */
export function isListenedOn(path: string, timeoutMs = 0): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect({ path });
    probe.setTimeout(timeoutMs, () => {
      const error: NodeJS.ErrnoException = new Error(`${path}: no answer within ${timeoutMs} ms`);
      error.code = 'ETIMEDOUT';
      probe.destroy(error);
    });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      // So many ask at once that there is no room for one more.
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}
