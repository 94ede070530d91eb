import { FRAME_HEADER_BYTES, MAX_WINDOW_BYTES } from '../../net/http2/index.js';

/** Before each gRPC message: a flag for compression and the length. (gRPC over HTTP/2, "Length-Prefixed-Message") */
const GRPC_PREFIX_BYTES = 5;

/** What {@link Http2Stream.send} needs before a message in the same buffer: a frame header and the prefix. */
export const MESSAGE_ROOM_BYTES = FRAME_HEADER_BYTES + GRPC_PREFIX_BYTES;

/** A secret is a few kilobytes; a server that announces more than this is broken. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** Why a stream is no more: `error` is the kind, to count by; `detail` is for people, may be empty. */
export interface StreamEnd {
  readonly error: string;
  readonly detail: string;
}

export interface StreamEvents {
  /** One gRPC message: `bytes` from `start` to `end`, only valid during the call. */
  message(bytes: Buffer, start: number, end: number): void;
  /** Called once, and last. */
  ended(end: StreamEnd): void;
}

/** What a stream needs of its connection. */
export interface StreamSender {
  /** Sends what the windows allow of `stream.parts`. */
  flush(stream: Http2Stream): void;
  /** Sends a whole DATA frame, whose header is still to be written, when the windows allow it. */
  sendFrame(stream: Http2Stream, frame: Buffer): boolean;
}

/** One gRPC call on a connection: messages out, messages in. */
export class Http2Stream {
  /** What is still to be sent, frame headers excepted. Empty nearly always: only first requests outgrow a window. */
  readonly parts: Buffer[] = [];
  /** What we may send. */
  sendWindow: number;
  /** What the server may send, less what it has sent. */
  receiveWindow = MAX_WINDOW_BYTES;
  private partial: Buffer | undefined;

  constructor(
    readonly id: number,
    readonly events: StreamEvents,
    private readonly sender: StreamSender,
    initialWindow: number,
  ) {
    this.sendWindow = initialWindow;
  }

  /** Sends one message, which begins after {@link MESSAGE_ROOM_BYTES} of `frame`; the stream keeps and writes the buffer. */
  send(frame: Buffer): void {
    writePrefix(frame, FRAME_HEADER_BYTES, frame.length - MESSAGE_ROOM_BYTES);
    if (this.parts.length === 0 && this.sender.sendFrame(this, frame)) return;
    this.parts.push(frame.subarray(FRAME_HEADER_BYTES));
    this.sender.flush(this);
  }

  /** Sends one message that is made of parts, which others may share and nobody changes. */
  sendParts(parts: readonly Buffer[]): void {
    const prefix = Buffer.allocUnsafe(GRPC_PREFIX_BYTES);
    writePrefix(
      prefix,
      0,
      parts.reduce((length, part) => length + part.length, 0),
    );
    this.parts.push(prefix, ...parts);
    this.sender.flush(this);
  }

  /**
   * Takes the payload of a DATA frame.
   * @throws RangeError when it is no gRPC message.
   */
  receive(bytes: Buffer, start: number, end: number): void {
    if (this.partial === undefined) {
      this.partial = this.readMessages(bytes, start, end);
    } else {
      const whole = Buffer.concat([this.partial, bytes.subarray(start, end)]);
      this.partial = this.readMessages(whole, 0, whole.length);
    }
  }

  private readMessages(bytes: Buffer, start: number, end: number): Buffer | undefined {
    let at = start;
    while (end - at >= GRPC_PREFIX_BYTES) {
      if (bytes[at] !== 0) throw new RangeError('grpc: got a compressed message, which was not offered');
      const length = lengthAt(bytes, at + 1);
      if (length > MAX_MESSAGE_BYTES) throw new RangeError(`grpc: got a message of ${length} bytes`);
      const messageEnd = at + GRPC_PREFIX_BYTES + length;
      if (messageEnd > end) break;
      this.events.message(bytes, at + GRPC_PREFIX_BYTES, messageEnd);
      at = messageEnd;
    }
    return at === end ? undefined : Buffer.from(bytes.subarray(at, end));
  }
}

function writePrefix(target: Buffer, at: number, length: number): void {
  target[at] = 0;
  target[at + 1] = length >>> 24;
  target[at + 2] = length >>> 16;
  target[at + 3] = length >>> 8;
  target[at + 4] = length;
}

function lengthAt(bytes: Buffer, at: number): number {
  return (
    (bytes[at] ?? 0) * 2 ** 24 + (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  );
}
