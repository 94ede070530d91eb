/**
 * platform: what a process that holds private keys must do about itself and its machine.
 */
export { closeDebugDoors, type DebugDoorsOptions } from './debug-doors.js';
export { openFileLimit, reserveDescriptors } from './open-files.js';
export { optimiseSooner } from './optimise-sooner.js';
export type { BatchSender, CutMessage } from './send-batch.js';
export { openSocketHub, type SocketHub, type SocketHubAnswer, type SocketHubEvents } from './socket-hub.js';
export { forbidDumping, type PeerAnswer, type PeerCredentials, peerCredentials } from './system-door.js';
