import { getSystemErrorName } from 'node:util';
import { type ClientOutput, Outbox, type OutboxOwner } from '../../net/http2/index.js';
import { UnsentBytes } from '../../net/transport/index.js';
import { type BatchSender, type CutMessage, openSocketHub, type SocketHub } from '../../system/platform/index.js';
import type { FleetSocket, FleetSocketEvents, FleetSockets } from './fleet-socket.js';

/** The opening of an Envoy whose first requests are as large as a real one's goes out in one piece. */
const OUTBOX_BYTES = 256 * 1024;

/** What is larger, an opening with a node in it, is sent from where it lies. */
const MAX_POSTED_BYTES = 4096;

/** In a turn of the event loop, so that what comes is read in between. */
const NEWCOMERS_PER_TURN = 32;

/** Has the outbox when none of the sockets has anything in it. */
const NO_OWNER: OutboxOwner = { flush() {} };

/** Sockets of the addon. Thousands connect at once, and then begin in turns. */
export class HubSockets implements FleetSockets {
  readonly hub: SocketHub;
  readonly outbox = new Outbox(OUTBOX_BYTES);
  private readonly sockets: (HubSocket | undefined)[] = [];
  /** What has connected, or could not, and does not know yet. */
  private newcomers: (() => void)[] = [];
  private isClosed = false;
  private isFlushDue = false;

  /** @throws TypeError without the addon, and on other systems than Linux. */
  constructor() {
    const sockets = this.sockets;
    const answer = openSocketHub(this.outbox.bytes, {
      accepted() {},
      received: (slot, start, end) => sockets[slot]?.received(start, end),
      ended: (slot, errno) => sockets[slot]?.ended(errno),
      writable: (slot) => sockets[slot]?.writable(),
      acceptFailed() {},
    });
    if (answer.kind === 'unavailable') throw new TypeError(answer.reason);
    this.hub = answer.hub;
  }

  connect(path: string, events: FleetSocketEvents): FleetSocket {
    const slot = this.hub.connect(path);
    const socket = new HubSocket(this, slot, events);
    if (slot >= 0) this.sockets[slot] = socket;
    this.newcomers.push(slot >= 0 ? () => socket.connected() : () => socket.failed('connect', -slot));
    if (this.newcomers.length === 1) setImmediate(() => this.tellNewcomers());
    return socket;
  }

  /** Lets what is in the outbox leave at the end of this turn. */
  flushLater(): void {
    if (this.isFlushDue) return;
    this.isFlushDue = true;
    process.nextTick(flushOutbox, this);
  }

  /** For {@link flushLater}. */
  flush(): void {
    this.isFlushDue = false;
    this.outbox.claim(NO_OWNER, 0);
  }

  /** A socket is no more. */
  forget(slot: number): void {
    this.sockets[slot] = undefined;
  }

  close(): void {
    this.isClosed = true;
    this.newcomers = [];
    this.hub.close();
  }

  private tellNewcomers(): void {
    // What is told may connect again.
    const turn = this.newcomers.slice(0, NEWCOMERS_PER_TURN);
    for (const tell of turn) tell();
    if (this.isClosed) return;
    this.newcomers = this.newcomers.slice(turn.length);
    if (this.newcomers.length > 0) setImmediate(() => this.tellNewcomers());
  }
}

function flushOutbox(sockets: HubSockets): void {
  sockets.flush();
}

class HubSocket implements FleetSocket, ClientOutput, OutboxOwner, BatchSender {
  private isConnected = false;
  private isOver = false;
  /** What the system did not take, in order. */
  private unsent: UnsentBytes | undefined;

  constructor(
    private readonly sockets: HubSockets,
    readonly slot: number,
    private readonly events: FleetSocketEvents,
  ) {}

  get output(): ClientOutput {
    return this;
  }

  get memory(): Buffer {
    return this.sockets.outbox.bytes;
  }

  get backlogBytes(): number {
    return this.unsent?.bytes ?? 0;
  }

  get isBehind(): boolean {
    return this.unsent !== undefined;
  }

  claim(bytes: number): number {
    const at = this.sockets.outbox.claim(this, bytes);
    this.sockets.flushLater();
    return at;
  }

  flush(): void {
    const { slot } = this;
    const { hub, outbox } = this.sockets;
    outbox.claim(this, 0);
    const length = outbox.take();
    if (length === 0 || this.isOver) return;
    if (length <= MAX_POSTED_BYTES) {
      hub.batch.post(this, length);
      return;
    }
    // Behind what was posted before.
    hub.batch.flush();
    const bytes = outbox.bytes.subarray(0, length);
    const sent = this.isBehind ? 0 : hub.send(slot, bytes);
    if (sent !== length) this.keep(sent, bytes);
  }

  cutShort(sent: number, { before }: CutMessage): void {
    this.keep(sent, before);
  }

  pause(): void {
    this.sockets.hub.setReading(this.slot, false);
  }

  resume(): void {
    this.sockets.hub.setReading(this.slot, true);
  }

  destroy(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.unsent = undefined;
    if (this.slot < 0) return;
    const { hub } = this.sockets;
    hub.batch.flush();
    hub.closeSocket(this.slot);
    this.sockets.forget(this.slot);
  }

  connected(): void {
    if (this.isConnected || this.isOver) return;
    this.isConnected = true;
    this.events.connected();
  }

  received(start: number, end: number): void {
    // The server may be the first to speak.
    this.connected();
    if (!this.isOver) this.events.received(this.sockets.hub.arena, start, end);
  }

  ended(errno: number): void {
    this.connected();
    if (errno !== 0) this.failed('read', errno);
    if (this.isOver) return;
    this.destroy();
    this.events.closed(undefined);
  }

  failed(call: string, errno: number): void {
    if (this.isOver) return;
    this.destroy();
    const code = getSystemErrorName(-errno);
    this.events.closed({ code, message: `${call} ${code}` });
  }

  writable(): void {
    const { slot, unsent } = this;
    const { hub } = this.sockets;
    if (unsent === undefined) return;
    const failure = unsent.drain((bytes) => hub.send(slot, bytes));
    if (failure < 0) this.failed('write', -failure);
    else if (unsent.bytes > 0) hub.awaitWritable(slot);
    else this.unsent = undefined;
  }

  /** What the system did not take of `bytes`: all but `sent`, or all if that is an errno, below 0. */
  private keep(sent: number, bytes: Buffer): void {
    if (this.isOver) return;
    if (sent < 0) {
      // Not from within a call of the one that is told.
      setImmediate(() => this.failed('write', -sent));
      return;
    }
    if (this.unsent === undefined) {
      this.unsent = new UnsentBytes();
      this.sockets.hub.awaitWritable(this.slot);
    }
    this.unsent.addCopy(bytes.subarray(sent));
  }
}
