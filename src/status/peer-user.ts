import { type FileHandle, open } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { endianness } from 'node:os';
import { unixPeer } from '../net/transport/index.js';

/** Whose process is at the other end of a connection, by the word of the kernel. */
export type PeerUser =
  | { readonly kind: 'known'; readonly uid: number }
  | { readonly kind: 'unknown'; readonly reason: string };

/** The connections of this network namespace, each with the user who made its socket. (proc(5), /proc/net/tcp) */
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];

/** A line of a table has 150 bytes: 50 000 connections. Reading more takes the kernel too long for a question. */
const MAX_TABLE_BYTES = 8 * 1024 * 1024;

const CHUNK_BYTES = 256 * 1024;

/**
 * The user at the other end of an accepted connection. A process of another machine, or of another network namespace,
 * is not known.
 */
export async function peerUser(socket: Socket): Promise<PeerUser> {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined || localAddress === undefined) return unixUser(socket);
  const [own, other] = [hexAddress(localAddress, localPort), hexAddress(remoteAddress, remotePort)];
  for (const path of TABLES) {
    const uid = await uidInTable(path, (local, remote) => matches(local, other) && matches(remote, own));
    if (uid !== undefined) return { kind: 'known', uid };
  }
  return { kind: 'unknown', reason: 'the connection does not come from a process of this machine that /proc tells of' };
}

function unixUser(socket: Socket): PeerUser {
  const peer = unixPeer(socket);
  return peer === undefined
    ? { kind: 'unknown', reason: 'the users of a Unix socket are known to the native addon alone' }
    : { kind: 'known', uid: peer.uid };
}

type IsSought = (local: string, remote: string) => boolean;

async function uidInTable(path: string, isSought: IsSought): Promise<number | undefined> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    return await uidInLines(file, isSought);
  } finally {
    await file.close();
  }
}

async function uidInLines(file: FileHandle, isSought: IsSought): Promise<number | undefined> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let rest = '';
  for (let read = 0; read < MAX_TABLE_BYTES; ) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES);
    if (bytesRead === 0) return undefined;
    read += bytesRead;
    const lines = (rest + chunk.toString('latin1', 0, bytesRead)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid
      const [, local = '', remote = '', , , , , uid = ''] = line.trim().split(/\s+/);
      if (isSought(local, remote) && /^\d+$/.test(uid)) return Number(uid);
    }
  }
  return undefined;
}

/** The last 32 bits and the port: enough for both forms of an IPv4 address, that of IPv6 has all 128 bits. */
interface HexAddress {
  readonly address: string;
  readonly port: string;
}

function hexAddress(address: string, port = 0): HexAddress {
  const ipv4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const words = ipv4 === undefined ? ipv6Words(address) : [ipv4.split('.').map(Number)];
  const hex = words.map((octets) => (endianness() === 'LE' ? [...octets].reverse() : octets).map(hexOctet).join(''));
  return { address: hex.join(''), port: port.toString(16).toUpperCase().padStart(4, '0') };
}

/** Four groups of four octets. (RFC 4291 §2.2) */
function ipv6Words(address: string): number[][] {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...first, ...new Array<string>(8 - first.length - last.length).fill('0'), ...last];
  const octets = groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]);
  return [0, 4, 8, 12].map((at) => octets.slice(at, at + 4));
}

function hexOctet(octet: number): string {
  return octet.toString(16).toUpperCase().padStart(2, '0');
}

/** `0100007F:3B6E`, or the same address as one of IPv6. */
function matches(text: string, { address, port }: HexAddress): boolean {
  const [found = '', foundPort] = text.split(':');
  const mapped = `${'0'.repeat(16)}${endianness() === 'LE' ? 'FFFF0000' : '0000FFFF'}`;
  return foundPort === port && (found === address || found === mapped + address);
}
