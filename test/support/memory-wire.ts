import { Outbox, type Wire, type WireEvents, type WirePeer } from '../../src/net/http2/index.js';
import { framesIn, type RawFrame } from './raw-frames.js';

/** A connection without a socket: what the peer sends is fed in, what it would get is kept. */
export class MemoryWire implements Wire {
  readonly outbox: Outbox;
  readonly peer: WirePeer | undefined;
  #events: WireEvents | undefined;
  #sent: Buffer[] = [];
  #unread: { bytes: number; onWritten: (() => void) | undefined }[] = [];
  /** The peer reads nothing: all stays in the backlog. */
  isStuck = false;
  /** Nothing more of the peer is wanted now. */
  isPaused = false;
  isEnded = false;
  isDestroyed = false;

  constructor(outbox: Outbox = new Outbox(), peer?: WirePeer) {
    this.outbox = outbox;
    this.peer = peer;
  }

  get backlogBytes(): number {
    return this.#unread.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  start(events: WireEvents): void {
    this.#events = events;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  send(length: number, shared?: Buffer, tail?: Buffer, onWritten?: () => void): void {
    if (this.isEnded || this.isDestroyed) {
      onWritten?.();
      return;
    }
    const pieces = [this.outbox.bytes.subarray(0, length), shared ?? Buffer.alloc(0), tail ?? Buffer.alloc(0)];
    const bytes = Buffer.concat(pieces);
    if (this.isStuck) {
      this.#unread.push({ bytes: bytes.length, onWritten });
      return;
    }
    this.#sent.push(bytes);
    onWritten?.();
  }

  end(): void {
    this.isEnded = true;
    this.#events = undefined;
    this.#giveUp();
  }

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.#giveUp();
    const events = this.#events;
    this.#events = undefined;
    events?.closed();
  }

  /** The peer sends. In memory of its own, which is overwritten afterwards, as a hub's is. */
  feed(...parts: readonly Buffer[]): void {
    const bytes = Buffer.concat(parts);
    this.#events?.received(bytes, 0, bytes.length);
    bytes.fill(0xee);
  }

  /** The peer has read what it was stuck at. */
  read(): void {
    this.isStuck = false;
    this.#giveUp();
  }

  /** The peer goes away. */
  hangUp(): void {
    this.destroy();
  }

  /** The frames that the peer has got since the last call. */
  takeFrames(): RawFrame[] {
    const { frames, rest } = framesIn(Buffer.concat(this.#sent));
    this.#sent = rest.length > 0 ? [rest] : [];
    return frames;
  }

  /** Bytes that the peer has got and were not taken. */
  get sentBytes(): number {
    return this.#sent.reduce((sum, { length }) => sum + length, 0);
  }

  #giveUp(): void {
    for (const { onWritten } of this.#unread.splice(0)) onWritten?.();
  }
}
