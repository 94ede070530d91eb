import { durationMs, existingFile, peerAddress, serverName } from './kinds.js';
import { type ConfigOf, optional, withDefault } from './option.js';
import { socketPath } from './socket-path.js';

/** `sidecert health`: either of agent (`--socket`) or of Citadel (`--address`). */
export const HEALTH_OPTIONS = {
  socket: optional(socketPath, { flag: 'socket', description: 'Unix socket of an agent' }),
  address: optional(peerAddress, { flag: 'address', description: 'address of a Citadel; needs --ca-root' }),
  caRootFile: optional(existingFile, {
    flag: 'ca-root',
    description: 'PEM roots that the certificate of Citadel must chain to',
  }),
  serverName: optional(serverName, {
    flag: 'server-name',
    description: 'name to expect in the certificate of Citadel, when it is not the host of --address',
  }),
  timeoutMs: withDefault(durationMs, '3s', { flag: 'timeout', description: 'how long to wait for the answer' }),
};

export type HealthConfig = ConfigOf<typeof HEALTH_OPTIONS>;
