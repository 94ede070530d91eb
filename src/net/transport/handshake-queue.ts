import type { Socket } from 'node:net';

/** Says who may begin a handshake, by address. */
export interface HandshakeSlot {
  /** Whether one of this address may begin now; it counts as one that has begun, then. */
  admits(address: string): boolean;
  /** One that was admitted has failed. */
  failed(address: string): void;
  /** One was refused after its wait. */
  turnedAway(address: string): void;
}

export interface HandshakeQueueOptions {
  readonly admission?: HandshakeSlot | undefined;
  /** Whether there is room for one more of this address among those under way; asked before it is admitted. */
  readonly hasRoom?: ((address: string) => boolean) | undefined;
  /** Which addresses are one peer: these take turns. */
  readonly keyOf?: (address: string) => string;
  /** Begins the handshake of a socket with what it has said so far, which is still to be read from it. */
  readonly begin: (socket: Socket) => void;
  /** A peer whose handshake has not begun by then is cut off. */
  readonly timeoutMs: number;
  /** Milliseconds, never going back, also while we work. */
  readonly now?: () => number;
}

/** For which handshakes keep the event loop at a time: one takes a millisecond or two. */
const SLICE_MS = 3;

/**
 * A round of the event loop accepts one connection. While connections come, slices leave them so much time in between:
 * else those of a crowd would wait in the kernel's queue, a slice for each, before their addresses are known.
 */
const ACCEPT_MS = 9;

/** One that is not admitted, or has no room, is tried again after this. */
const AGAIN_MS = 10;

/** A record of the handshake protocol: its type, and the octets before its content. (RFC 8446 §5.1) */
const HANDSHAKE_RECORD = 22;
const RECORD_HEADER_BYTES = 5;
const MAX_RECORD_BYTES = 16_384;

interface Waiter {
  readonly socket: Socket;
  readonly address: string;
  /** Ends its wait. */
  readonly timer: NodeJS.Timeout;
  bytes: Buffer;
}

/**
 * Where connections wait for their handshakes. What costs is what follows a client's first message, so none begins
 * before all of that has come, and then the addresses take turns, in slices of the event loop: however many peers send
 * theirs in the same moment, others wait for a slice. One that is not admitted, or for which there is no room, waits,
 * too, and those of its address behind it, in their order.
 */
export class HandshakeQueue {
  /** By peer, those who have said what they begin with. */
  private readonly ready = new Map<string, Set<Waiter>>();
  private readonly options: HandshakeQueueOptions;
  private readonly now: () => number;
  private isRunning = false;
  private endMs = 0;
  /** Since the last round of the event loop. */
  private hasAccepted = false;

  constructor(options: HandshakeQueueOptions) {
    this.options = options;
    this.now = options.now ?? (() => performance.now());
  }

  /** Takes a paused socket of which nothing has been read. It leaves with its end, or for its handshake. */
  add(socket: Socket): void {
    this.hasAccepted = true;
    const timer = setTimeout(() => socket.destroy(), this.options.timeoutMs).unref();
    const waiter: Waiter = { socket, timer, address: socket.remoteAddress ?? '', bytes: Buffer.alloc(0) };
    const peer = this.options.keyOf?.(waiter.address) ?? waiter.address;
    const onReadable = (): void => {
      for (let bytes: Buffer | null = socket.read(); bytes !== null; bytes = socket.read()) {
        waiter.bytes = Buffer.concat([waiter.bytes, bytes]);
      }
      if (!isWhole(waiter.bytes)) return;
      socket.off('readable', onReadable);
      this.isReady(peer, waiter);
    };
    socket.on('error', () => {});
    socket.on('readable', onReadable);
    socket.once('end', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      if (this.leave(peer, waiter)) this.options.admission?.turnedAway(waiter.address);
    });
  }

  private isReady(peer: string, waiter: Waiter): void {
    const line = this.ready.get(peer);
    if (line === undefined) this.ready.set(peer, new Set([waiter]));
    else line.add(waiter);
    if (this.isRunning) return;
    this.isRunning = true;
    setImmediate(() => this.slice());
  }

  private leave(peer: string, waiter: Waiter): boolean {
    const line = this.ready.get(peer);
    if (line?.delete(waiter) !== true) return false;
    if (line.size === 0) this.ready.delete(peer);
    return true;
  }

  private slice(): void {
    const { hasAccepted } = this;
    this.hasAccepted = false;
    if (hasAccepted && this.now() < this.endMs + ACCEPT_MS) {
      setImmediate(() => this.slice());
      return;
    }
    this.endMs = this.now() + SLICE_MS;
    this.step();
  }

  private step(): void {
    const next = this.next();
    if (next === undefined) {
      this.isRunning = this.ready.size > 0;
      if (this.isRunning) setTimeout(() => this.slice(), AGAIN_MS).unref();
      return;
    }
    clearTimeout(next.timer);
    next.socket.unshift(next.bytes);
    this.options.begin(next.socket);
    // Node reads what it has said in a tick of its own, which comes before this one.
    process.nextTick(() => {
      if (this.now() < this.endMs) this.step();
      else setImmediate(() => this.slice());
    });
  }

  /** The first of the addresses that has one who is admitted; the address goes behind the others. */
  private next(): Waiter | undefined {
    for (const [peer, line] of this.ready) {
      for (const waiter of line) {
        const { hasRoom, admission } = this.options;
        if (hasRoom?.(waiter.address) === false || admission?.admits(waiter.address) === false) break;
        this.leave(peer, waiter);
        if (line.size > 0) {
          this.ready.delete(peer);
          this.ready.set(peer, line);
        }
        return waiter;
      }
    }
    return undefined;
  }
}

/** What is none of TLS, or longer than a record may be, is not waited for: it fails at once. */
function isWhole(bytes: Buffer): boolean {
  if (bytes.length === 0) return false;
  if (bytes[0] !== HANDSHAKE_RECORD) return true;
  if (bytes.length < RECORD_HEADER_BYTES) return false;
  const length = bytes.readUInt16BE(RECORD_HEADER_BYTES - 2);
  return length > MAX_RECORD_BYTES || bytes.length >= RECORD_HEADER_BYTES + length;
}
