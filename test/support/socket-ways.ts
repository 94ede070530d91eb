import { loadAddon } from '../../src/addon/index.js';

/** Who can serve the sockets here: both must behave alike. The addon is left out where it was not built. */
export const SOCKET_WAYS: readonly ('addon' | 'node')[] = loadAddon().kind === 'loaded' ? ['addon', 'node'] : ['node'];

/** Whether whoever serves has the kernel's word on its peers. */
export function knowsPeers(via: 'addon' | 'node'): boolean {
  return via === 'addon' && SOCKET_WAYS.includes('addon');
}
