import { Socket } from 'node:net';
import type { Outbox, Wire, WireEvents, WirePeer } from '../http2/index.js';
import type { SocketHub } from '../platform/index.js';
import { LINGER_MS } from './socket-wire.js';

interface Unsent {
  readonly bytes: Buffer;
  readonly onWritten: (() => void) | undefined;
}

const NOTHING = Buffer.alloc(0);

/** A socket of a {@link SocketHub} as a {@link Wire}. */
export class HubWire implements Wire {
  readonly #hub: SocketHub;
  readonly #slot: number;
  readonly #onGone: (slot: number) => void;
  #events: WireEvents | undefined;
  /** What the system did not take, in order; `undefined` nearly always. */
  #unsent: Unsent[] | undefined;
  #isEnding = false;
  #isOver = false;

  constructor(
    { hub, slot, onGone }: { hub: SocketHub; slot: number; onGone: (slot: number) => void },
    readonly outbox: Outbox,
    readonly peer: WirePeer,
  ) {
    this.#hub = hub;
    this.#slot = slot;
    this.#onGone = onGone;
  }

  get backlogBytes(): number {
    return this.#unsent?.reduce((sum, { bytes }) => sum + bytes.length, 0) ?? 0;
  }

  start(events: WireEvents): void {
    this.#events = events;
  }

  send(length: number, shared: Buffer = NOTHING, tail: Buffer = NOTHING, onWritten?: () => void): void {
    if (this.#isOver || this.#isEnding) {
      onWritten?.();
      return;
    }
    const sent = this.#unsent === undefined ? this.#hub.send(this.#slot, length, shared, tail) : 0;
    if (sent === length + shared.length + tail.length || sent < 0) {
      onWritten?.();
      // Not from within a call of whoever would be told.
      if (sent < 0) setImmediate(() => this.destroy());
      return;
    }
    this.#keep({
      bytes: Buffer.from(this.outbox.bytes.subarray(Math.min(sent, length), length)),
      onWritten: undefined,
    });
    const ofShared = Math.max(0, sent - length);
    this.#keep({ bytes: shared.subarray(ofShared), onWritten });
    // A tail may be somebody's to use again.
    this.#keep({ bytes: Buffer.from(tail.subarray(Math.max(0, ofShared - shared.length))), onWritten: undefined });
  }

  end(): void {
    if (this.#isEnding || this.#isOver) return;
    this.#isEnding = true;
    this.#events = undefined;
    if (this.#unsent === undefined) this.#hub.finish(this.#slot);
    // A peer that has been told that it is over has this long to hear it.
    setTimeout(() => this.destroy(), LINGER_MS).unref();
  }

  destroy(): void {
    if (this.#isOver) return;
    this.#hub.closeSocket(this.#slot);
    this.#over();
  }

  detach(unread: Buffer): Socket {
    this.#events = undefined;
    const fd = this.#hub.release(this.#slot);
    this.#over();
    const socket = new Socket({ fd, readable: true, writable: true });
    socket.pause();
    socket.unshift(unread);
    return socket;
  }

  /** From the hub. */
  received(start: number, end: number): void {
    this.#events?.received(this.#hub.arena, start, end);
  }

  /** From the hub. */
  writable(): void {
    const unsent = this.#unsent;
    while (unsent !== undefined) {
      const [first] = unsent;
      if (first === undefined) break;
      const sent = this.#hub.send(this.#slot, 0, first.bytes);
      if (sent < 0) {
        this.destroy();
        return;
      }
      if (sent < first.bytes.length) {
        unsent[0] = { bytes: first.bytes.subarray(sent), onWritten: first.onWritten };
        this.#hub.awaitWritable(this.#slot);
        return;
      }
      unsent.shift();
      first.onWritten?.();
    }
    this.#unsent = undefined;
    if (this.#isEnding) this.#hub.finish(this.#slot);
  }

  #keep(unsent: Unsent): void {
    if (unsent.bytes.length === 0) {
      unsent.onWritten?.();
      return;
    }
    if (this.#unsent === undefined) this.#hub.awaitWritable(this.#slot);
    this.#unsent ??= [];
    this.#unsent.push(unsent);
  }

  #over(): void {
    this.#isOver = true;
    const unsent = this.#unsent;
    this.#unsent = undefined;
    if (unsent !== undefined) for (const { onWritten } of unsent) onWritten?.();
    this.#onGone(this.#slot);
    const events = this.#events;
    this.#events = undefined;
    events?.closed();
  }
}
