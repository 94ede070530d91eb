/**
 * system/platform: what a process that holds private keys must do about itself and its machine.
 */

export { type MemoryProtection, type ProtectionCalls, protectMemory } from './memory-protection.js';
export { splitNodeOptions } from './node-options.js';
export { openFileLimit, reserveDescriptors } from './open-files.js';
export { optimiseSooner } from './optimise-sooner.js';
export { refuseOpenMemory } from './process-hardening.js';
export type { BatchSender, CutMessage } from './send-batch.js';
export { openSocketHub, type SocketHub, type SocketHubAnswer, type SocketHubEvents } from './socket-hub.js';
export { endWithParent, type PeerAnswer, type PeerCredentials, peerCredentials } from './system-door.js';
export { contextTrusting, trustByAddon } from './trusted-roots.js';
export { setV8Flag, type V8Flag } from './v8-flag.js';
