import { loadAddon } from '../../src/system/addon/index.js';

/**
 * Who can serve the sockets here: both must behave alike, but that only the addon has the kernel's word on its peers.
 * It is left out where it was not built.
 */
export const SOCKET_WAYS: readonly ('addon' | 'node')[] = loadAddon().kind === 'loaded' ? ['addon', 'node'] : ['node'];
