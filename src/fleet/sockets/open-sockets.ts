import { chooseHotPath, type HotPathMode } from '../../hotpath/index.js';
import type { FleetSockets } from './fleet-socket.js';
import { HubSockets } from './hub-sockets.js';
import { NodeSockets } from './node-sockets.js';

/** Who serves the sockets of a fleet. */
export type SocketsKind = 'addon' | 'node';

/** @throws as {@link chooseHotPath}. */
export function socketsKindOf(mode: HotPathMode): SocketsKind {
  return process.platform === 'linux' && chooseHotPath(mode).kind === 'native' ? 'addon' : 'node';
}

export function openSockets(kind: SocketsKind): FleetSockets {
  return kind === 'addon' ? new HubSockets() : new NodeSockets();
}
