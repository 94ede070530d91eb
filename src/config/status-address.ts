import { type HostPort, hostPort, type Kind } from './kinds.js';
import { optional } from './option.js';
import { MAX_SOCKET_PATH_BYTES, socketPath } from './socket-path.js';

/** Where plain HTTP is served. */
export type StatusAddressOption = HostPort | { readonly socketPath: string };

/** A path is told from an address by its slash, `./status.sock`, or by its scheme, `unix:status.sock`. */
const SOCKET = /\/|^unix:/;

export const statusAddress: Kind<StatusAddressOption> = {
  placeholder: 'HOST:PORT|PATH',
  expected: `HOST:PORT, or a path with a slash, of at most ${MAX_SOCKET_PATH_BYTES} bytes, for a Unix socket, also as unix:/path`,
  parse(text, files) {
    if (!SOCKET.test(text)) return hostPort.parse(text, files);
    const path = socketPath.parse(text, files);
    return path === undefined ? undefined : { socketPath: path };
  },
};

/** The same setting for agent and Citadel. Off unless asked for: one more port is one more door. */
export const STATUS_ADDRESS = optional(statusAddress, {
  flag: 'status-address',
  description:
    'where to serve /metrics, /healthz/ready, /healthz/live and /status over plain HTTP, to every peer that can connect: an address, or a Unix socket (made with mode 0660); left out, nowhere',
});
