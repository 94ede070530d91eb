import type { InboundStream } from '../framing/inbound-half.js';
import type { NetworkPeer, WirePeer } from '../framing/wire.js';

/** What a stream tells the handler of its request. All are called from the event loop, none after `closed`. */
export interface StreamEvents {
  /** Content: `bytes` from `start` to `end`, valid during the call alone. */
  data(bytes: Buffer, start: number, end: number): void;
  /** The peer has sent all that it will. */
  ended(): void;
  /** The stream is no more, ended by either side. Called once. */
  closed(): void;
}

/** Content that waits for the peer's windows. */
export interface QueuedData {
  readonly head: Buffer;
  readonly tail: Buffer;
  /** How much of both has gone. */
  sent: number;
  readonly onWritten: (() => void) | undefined;
}

/** The streams of a connection, as one of them sees them: who does what it is asked for. */
export interface StreamOwner {
  readonly connectionNumber: number;
  readonly wire: {
    readonly peer: WirePeer | undefined;
    readonly networkPeer?: NetworkPeer | undefined;
    readonly origin?: string | undefined;
  };
  beginAnswer(stream: ServerStream, block: Buffer): void;
  respond(stream: ServerStream, block: Buffer): void;
  sendData(stream: ServerStream, head: Buffer, tail: Buffer, onWritten?: () => void): void;
  endAnswer(stream: ServerStream, trailers: Buffer): void;
  abandon(stream: ServerStream, code: number): void;
  charge(cost?: number, work?: number): void;
}

/**
 * One request and its answer, the server's half. A record for its {@link StreamOwner} and the sender, who alone change
 * it: of thousands there is one for each stream of each Envoy, so it holds little.
 */
export class ServerStream implements InboundStream {
  events: StreamEvents | undefined;
  /** Of what we may send, as {@link StreamWindows} keeps it. */
  windowChange = 0;
  receivedBytes = 0;
  contentLeft = -1;
  /** The peer has sent all that it will. */
  isRemoteClosed = false;
  /** We have sent all that we will. */
  isLocalClosed = false;
  /** Empty nearly always, and then `undefined`. */
  queue: QueuedData[] | undefined;
  /** The header block to end with, when what is queued has gone. */
  trailers: Buffer | undefined;

  constructor(
    readonly id: number,
    private readonly streams: StreamOwner,
  ) {}

  /** Which connection of its server it came by. */
  get connectionNumber(): number {
    return this.streams.connectionNumber;
  }

  /** Who is at the other end of it; `undefined` where it is not known. */
  get peer(): WirePeer | undefined {
    return this.streams.wire.peer;
  }

  /** The same of a connection over a network; `undefined` of another. */
  get networkPeer(): NetworkPeer | undefined {
    return this.streams.wire.networkPeer;
  }

  /** Which of several listeners it came by. */
  get origin(): string | undefined {
    return this.streams.wire.origin;
  }

  /** Begins the answer: its header block goes out with the content that is sent next. */
  begin(block: Buffer): void {
    this.streams.beginAnswer(this, block);
  }

  /** Answers with a header block alone. */
  respond(block: Buffer): void {
    this.streams.respond(this, block);
  }

  /**
   * Sends content, in two pieces so that the first can be the same memory for thousands of streams; of the second a
   * copy is kept if need be. `onWritten` is called once, when the memory of the first is no longer needed: at once, if
   * the stream is no more.
   */
  send(head: Buffer, tail: Buffer, onWritten?: () => void): void {
    this.streams.sendData(this, head, tail, onWritten);
  }

  /** Ends the answer, behind all content, with a header block. */
  end(trailers: Buffer): void {
    this.streams.endAnswer(this, trailers);
  }

  /**
   * Ends the stream at once, with what is queued on it: by RST_STREAM with `code`. Nothing happens when it is no more.
   */
  reset(code: number): void {
    this.streams.abandon(this, code);
  }

  /**
   * Counts work that the peer brings about, in the units of `Cost`: `work` is all of it, since a connection is read in
   * turns that have only so much; `cost` is what is of no use to an honest peer in such numbers, and too much of it
   * ends the connection, behind the frame that is being read.
   */
  charge(cost?: number, work?: number): void {
    this.streams.charge(cost, work);
  }

  /**
   * Octets of content of our own that wait for the peer's windows; memory that is shared with others does not count.
   */
  get queuedBytes(): number {
    let bytes = 0;
    for (const { head, tail, onWritten } of this.queue ?? []) {
      bytes += tail.length + (onWritten === undefined ? head.length : 0);
    }
    return bytes;
  }

  receive(bytes: Buffer, start: number, end: number): void {
    this.events?.data(bytes, start, end);
  }

  /** For its {@link StreamOwner}: tells, once, that the stream is no more. */
  closed(): void {
    const { events } = this;
    this.events = undefined;
    events?.closed();
  }
}
