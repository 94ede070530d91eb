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
  readonly id: string;
  readonly peer: string;
  readonly socket: Socket;
  readonly beganAtMs: number;
}

/**
 * The handshakes under way: bounded, and ended with the listener. Above the bound one ends for the next. Node names the
 * raw socket in one event and the TLS socket in the next.
 */
export class Handshakes {
  /** By address and port, the oldest first. */
  private readonly all = new Map<string, Handshake>();
  /** The same by address. */
  private readonly peers = new Map<string, Map<string, Handshake>>();

  constructor(
    private readonly max: number,
    private readonly onFailed: (address: string) => void = () => {},
    /** Milliseconds, never going back. */
    private readonly now: () => number = monotonicMs,
  ) {}

  /** Whether one more of this address may begin, though another has to end for it. */
  hasRoom(address: string): boolean {
    return this.all.size < this.max || this.endsFor(addressKey(address)) !== undefined;
  }

  /** Where {@link hasRoom} has not been asked, or said no, one ends of the address that has most. */
  started(socket: Socket): void {
    const id = idOf(socket);
    const { remoteAddress = '' } = socket;
    const peer = addressKey(remoteAddress);
    if (this.all.size >= this.max) this.end(this.endsFor(peer) ?? oldestOf(this.most()));
    const handshake = { id, peer, socket, beganAtMs: this.now() };
    this.all.set(id, handshake);
    this.peers.set(peer, (this.peers.get(peer) ?? new Map<string, Handshake>()).set(id, handshake));
    socket.once('close', () => {
      if (this.forget(id, socket)) this.onFailed(remoteAddress);
    });
  }

  finished(socket: Socket): void {
    this.forget(idOf(socket));
  }

  abort(): void {
    for (const { socket } of this.all.values()) socket.destroy();
    this.peers.clear();
    this.all.clear();
  }

  /** False when it was forgotten before, or is another than `socket`. */
  private forget(id: string, socket?: Socket): boolean {
    const known = this.all.get(id);
    if (known === undefined || (socket !== undefined && known.socket !== socket)) return false;
    this.all.delete(id);
    const ofPeer = this.peers.get(known.peer);
    ofPeer?.delete(id);
    if (ofPeer?.size === 0) this.peers.delete(known.peer);
    return true;
  }

  /**
   * Which one may end for one more of this address: the oldest of an address that has much more, if it has had its
   * time; else the oldest of all, if that has; else that of the address, however young.
   */
  private endsFor(peer: string): Handshake | undefined {
    const most = this.most();
    const own = this.peers.get(peer)?.size ?? 0;
    const ofMost = (most?.size ?? 0) >= MUCH_MORE * (own + 1) ? oldestOf(most) : undefined;
    if (this.hadItsTime(ofMost)) return ofMost;
    const oldest = oldestOf(this.all);
    return this.hadItsTime(oldest) ? oldest : ofMost;
  }

  private hadItsTime(handshake: Handshake | undefined): boolean {
    return handshake !== undefined && this.now() - handshake.beganAtMs >= PATIENCE_MS;
  }

  /** Those of the address that has most. */
  private most(): ReadonlyMap<string, Handshake> | undefined {
    let most: ReadonlyMap<string, Handshake> | undefined;
    for (const ofPeer of this.peers.values()) if (most === undefined || ofPeer.size > most.size) most = ofPeer;
    return most;
  }

  private end(handshake: Handshake | undefined): void {
    if (handshake === undefined) return;
    const { id, socket } = handshake;
    this.forget(id);
    this.onFailed(socket.remoteAddress ?? '');
    socket.destroy();
  }
}

function oldestOf(handshakes: ReadonlyMap<string, Handshake> | undefined): Handshake | undefined {
  return handshakes?.values().next().value;
}

function idOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
