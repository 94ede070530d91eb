import type { WirePeer } from '../../http2/index.js';

/**
 * What one peer makes us hold, over all of its connections. A peer is a process on a Unix socket and an address on TCP
 * ({@link peerKey}); where neither is known, each connection is a peer of its own. Numbers in plain fields: they change
 * with every call.
 */
export class PeerAccount {
  connections = 0;
  /** Octets. */
  bytes = 0;
  calls = 0;
  /** The same three of those of its connections that have not proven anything. */
  strangers = 0;
  strangerBytes = 0;
  strangerCalls = 0;

  constructor(
    /** By what the ledger finds it. */
    readonly key: string | number,
    readonly uid: number | undefined,
  ) {}
}

/** What can be ended to make room. */
export interface Holder {
  /** Ends the connection at once: its peer is told that it asked for too much, or was idle for longest. */
  drop(reason: string): void;
}

/** What one connection makes us hold. */
export class ConnectionAccount {
  /** Octets, from the first of a frame to the end of the last stream. */
  bytes = 0;
  /** Open, of whatever method. */
  calls = 0;
  /** The connection is over: what it held has been given back, and it gets no more. */
  isClosed = false;
  /** Its peer has shown that it may be served: by a token that was accepted, or by an ACK of a secret. */
  isProven = false;
  /** Its place in the order of what peers did ({@link PeerLedger.tick}): the lowest has been idle for longest. */
  lastSeen = 0;
  /** When its last call ended, or it began; on the clock of the ledger. */
  idleSinceMs: number;
  /** Set by the owner of the connection as soon as there is one. */
  holder: Holder | undefined;

  constructor(
    /** Counted from 1, for logs. */
    readonly number: number,
    readonly peer: PeerAccount,
    nowMs: number,
  ) {
    this.idleSinceMs = nowMs;
  }
}

/**
 * By what a peer is known again; `undefined` where nobody can tell it from others. A pid of 0 is any process of another pid
 * namespace. Of an IPv6 address the first 64 bits count: a host has all that follow them to itself. (RFC 4291 §2.5.4)
 */
export function peerKey(peer: WirePeer | undefined, address: string | undefined): string | undefined {
  if (address !== undefined) return addressKey(address);
  return peer === undefined || peer.pid === 0 ? undefined : `process ${peer.uid} ${peer.pid}`;
}

const IPV4_IN_IPV6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

const GROUPS_OF_HOST = 4;
const GROUPS = 8;

function addressKey(address: string): string {
  const [, ipv4] = IPV4_IN_IPV6.exec(address) ?? [];
  if (ipv4 !== undefined || !address.includes(':')) return `address ${ipv4 ?? address}`;
  const [plain = ''] = address.split('%');
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: GROUPS - before.length - after.length }, () => '0');
  return `address ${[...before, ...zeros, ...after].slice(0, GROUPS_OF_HOST).join(':')}::/64`;
}
