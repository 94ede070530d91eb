import type { Socket } from 'node:net';
import { monotonicMs } from '../../timers/index.js';
import { addressKey } from './peer-key.js';

/**
 * So long one that has begun is waited for before another may have its place: a peer far away answers within a third of
 * that. When thousands of agents come at once, to end those under way for the next ones would be work for nothing.
 */
const PATIENCE_MS = 1000;

/** An address gives up a place to one that has less than half as many. */
const MUCH_MORE = 2;

interface Handshake {
  readonly socket: Socket;
  readonly beganAtMs: number;
}

/**
 * The handshakes under way: bounded, and ended with the listener. Above the bound the one that has lasted longest ends,
 * of the address that has most. Node names the raw socket in one event and the TLS socket in the next.
 */
export class Handshakes {
  /**
   * By address, then by address and port, the oldest first. So a flood costs a look at the addresses for each that
   * ends, and no more.
   */
  private readonly peers = new Map<string, Map<string, Handshake>>();
  private count = 0;

  constructor(
    private readonly max: number,
    private readonly onFailed: (address: string) => void = () => {},
    /** Milliseconds, never going back. */
    private readonly now: () => number = monotonicMs,
  ) {}

  /** Whether one more of this address may begin, though another has to end for it. */
  hasRoom(address: string): boolean {
    if (this.count < this.max) return true;
    const [, most] = this.most() ?? [];
    const [oldest] = most?.values() ?? [];
    if (most === undefined || oldest === undefined) return true;
    const own = this.peers.get(addressKey(address))?.size ?? 0;
    return most.size >= MUCH_MORE * (own + 1) || this.now() - oldest.beganAtMs >= PATIENCE_MS;
  }

  started(socket: Socket): void {
    const id = idOf(socket);
    const { remoteAddress = '' } = socket;
    const peer = addressKey(remoteAddress);
    const ofPeer = this.peers.get(peer) ?? new Map<string, Handshake>();
    this.peers.set(peer, ofPeer.set(id, { socket, beganAtMs: this.now() }));
    this.count += 1;
    socket.once('close', () => {
      if (this.forget(peer, id, socket)) this.onFailed(remoteAddress);
    });
    if (this.count > this.max) this.endOldest();
  }

  finished(socket: Socket): void {
    this.forget(addressKey(socket.remoteAddress ?? ''), idOf(socket));
  }

  abort(): void {
    for (const ofPeer of this.peers.values()) for (const { socket } of ofPeer.values()) socket.destroy();
    this.peers.clear();
    this.count = 0;
  }

  /** False when it was forgotten before, or is another than `socket`. */
  private forget(peer: string, id: string, socket?: Socket): boolean {
    const ofPeer = this.peers.get(peer);
    const known = ofPeer?.get(id);
    if (ofPeer === undefined || known === undefined) return false;
    if (socket !== undefined && known.socket !== socket) return false;
    ofPeer.delete(id);
    if (ofPeer.size === 0) this.peers.delete(peer);
    this.count -= 1;
    return true;
  }

  /** The address that has most, with those. */
  private most(): readonly [peer: string, handshakes: ReadonlyMap<string, Handshake>] | undefined {
    let most: readonly [string, ReadonlyMap<string, Handshake>] | undefined;
    for (const entry of this.peers) if (most === undefined || entry[1].size > most[1].size) most = entry;
    return most;
  }

  private endOldest(): void {
    const [peer, handshakes] = this.most() ?? [];
    if (peer === undefined || handshakes === undefined) return;
    for (const [id, { socket }] of handshakes) {
      this.forget(peer, id);
      this.onFailed(socket.remoteAddress ?? '');
      socket.destroy();
      return;
    }
  }
}

function idOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
