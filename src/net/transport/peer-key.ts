import type { WirePeer } from '../http2/index.js';

/**
 * By what a peer is known again; `undefined` where it cannot be told from others. A pid of 0 is any process of another
 * pid namespace. Of an IPv6 address the first 64 bits count: a host has all that follow them to itself. (RFC 4291
 * §2.5.4)
 */
export function peerKey(peer: WirePeer | undefined, address: string | undefined): string | undefined {
  if (address !== undefined) return addressKey(address);
  return peer === undefined || peer.pid === 0 ? undefined : `process ${peer.uid} ${peer.pid}`;
}

const IPV4_IN_IPV6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

const GROUPS_OF_HOST = 4;
const GROUPS = 8;

/** As {@link peerKey} of a peer that is known by its address. */
export function addressKey(address: string): string {
  const [, ipv4] = IPV4_IN_IPV6.exec(address) ?? [];
  if (ipv4 !== undefined || !address.includes(':')) return `address ${ipv4 ?? address}`;
  const [plain = ''] = address.split('%');
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: GROUPS - before.length - after.length }, () => '0');
  return `address ${[...before, ...zeros, ...after].slice(0, GROUPS_OF_HOST).join(':')}::/64`;
}
