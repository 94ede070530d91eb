import type { BatchSender, CutMessage, SocketHub } from '../../system/platform/index.js';
import type { Outbox, Wire, WireEvents, WirePeer } from '../http2/index.js';
import { LINGER_MS } from './socket-wire.js';
import { UnsentBytes } from './unsent-bytes.js';

const NOTHING = Buffer.alloc(0);

/** A socket of a {@link SocketHub} as a {@link Wire}. */
export class HubWire implements Wire, BatchSender {
  readonly slot: number;
  private readonly hub: SocketHub;
  private readonly onGone: (slot: number) => void;
  private events: WireEvents | undefined;
  /** What the system did not take, in order; `undefined` nearly always. */
  private unsent: UnsentBytes | undefined;
  private isEnding = false;
  private isOver = false;

  constructor(
    { hub, slot, onGone }: { hub: SocketHub; slot: number; onGone: (slot: number) => void },
    readonly outbox: Outbox,
    readonly peer: WirePeer,
  ) {
    this.hub = hub;
    this.slot = slot;
    this.onGone = onGone;
  }

  get backlogBytes(): number {
    return this.unsent?.bytes ?? 0;
  }

  get isBehind(): boolean {
    return this.unsent !== undefined;
  }

  start(events: WireEvents): void {
    this.events = events;
  }

  pause(): void {
    if (!this.isOver) this.hub.setReading(this.slot, false);
  }

  resume(): void {
    if (!this.isOver) this.hub.setReading(this.slot, true);
  }

  send(length: number, shared: Buffer = NOTHING, tail: Buffer = NOTHING, onWritten?: () => void): void {
    if (this.isOver || this.isEnding) {
      onWritten?.();
      return;
    }
    this.hub.batch.post(this, length, shared, tail, onWritten);
  }

  cutShort(sent: number, { before, shared, behind, onWritten }: CutMessage): void {
    if (sent < 0) {
      onWritten?.();
      // Not from within a call of the one that is told.
      setImmediate(() => this.destroy());
      return;
    }
    const ofShared = Math.max(0, sent - before.length);
    this.keep(before.subarray(sent), shared.subarray(ofShared), onWritten);
    this.keep(behind.subarray(Math.max(0, ofShared - shared.length)));
  }

  end(): void {
    if (this.isEnding || this.isOver) return;
    this.isEnding = true;
    this.events = undefined;
    this.hub.batch.flush();
    if (this.unsent === undefined) this.hub.finish(this.slot);
    // A peer that has been told that it is over has this long to hear it.
    setTimeout(() => this.destroy(), LINGER_MS).unref();
  }

  destroy(): void {
    if (this.isOver) return;
    this.hub.batch.flush();
    this.hub.closeSocket(this.slot);
    this.over();
  }

  /** From the hub. */
  received(start: number, end: number): void {
    this.events?.received(this.hub.arena, start, end);
  }

  /** From the hub. */
  writable(): void {
    const unsent = this.unsent;
    if (unsent === undefined) return;
    const failure = unsent.drain((bytes) => this.hub.send(this.slot, bytes));
    if (failure < 0) {
      this.destroy();
    } else if (unsent.bytes > 0) {
      this.hub.awaitWritable(this.slot);
    } else {
      this.unsent = undefined;
      if (this.isEnding) this.hub.finish(this.slot);
    }
  }

  /** Keeps what is copied, then what is not, which has another owner until `onWritten`. */
  private keep(copied: Buffer, shared: Buffer = NOTHING, onWritten?: () => void): void {
    if (this.unsent === undefined && copied.length + shared.length > 0) {
      this.unsent = new UnsentBytes();
      this.hub.awaitWritable(this.slot);
    }
    this.unsent?.addCopy(copied);
    if (shared.length > 0) this.unsent?.add(shared, onWritten);
    else onWritten?.();
  }

  private over(): void {
    this.isOver = true;
    const unsent = this.unsent;
    this.unsent = undefined;
    unsent?.giveUp();
    this.onGone(this.slot);
    const events = this.events;
    this.events = undefined;
    events?.closed();
  }
}
