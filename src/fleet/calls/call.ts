import { FRAME_PREFIX_BYTES, writeFramePrefix } from '../../net/grpc/index.js';
import {
  type ClientStream,
  type ClientStreamEvents,
  errorName,
  type HeaderField,
  Http2ErrorCode,
  uint32,
} from '../../net/http2/index.js';
import { type CallEnd, endByStatus } from './call-end.js';

/** A secret is a few kilobytes; a server that announces more than this is broken. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

export interface CallEvents {
  /**
   * One message: `bytes` from `start` to `end`, only valid during the call. @throws RangeError when it does not parse:
   * that ends the call.
   */
  message(bytes: Buffer, start: number, end: number): void;
  /** Called once, and last; not when the connection has ended. */
  ended(end: CallEnd): void;
}

/** The connection of a call. */
export interface CallHost {
  /** What the server said when it let no further call begin. */
  readonly goneAway: CallEnd | undefined;
  openStream(events: ClientStreamEvents): ClientStream;
  cancel(stream: ClientStream): void;
}

/** One gRPC call on a connection: messages out, messages in. */
export class Call implements ClientStreamEvents {
  private readonly stream: ClientStream;
  /** The beginning of a message. */
  private partial: Buffer | undefined;
  private end: CallEnd | undefined;
  private isOver = false;

  constructor(
    private readonly host: CallHost,
    private readonly headerBlock: Buffer,
    private readonly events: CallEvents,
  ) {
    this.stream = host.openStream(this);
  }

  /** Sends one message, which begins after `FRAME_PREFIX_BYTES` of `frame`; the call keeps and writes the buffer. */
  send(frame: Buffer): void {
    writeFramePrefix(frame, frame.length - FRAME_PREFIX_BYTES);
    this.stream.send([frame]);
  }

  /** Sends one message that is made of parts, which may be shared and must not change any more. */
  sendParts(parts: readonly Buffer[]): void {
    const prefix = Buffer.allocUnsafe(FRAME_PREFIX_BYTES);
    let length = 0;
    for (const part of parts) length += part.length;
    writeFramePrefix(prefix, length);
    this.stream.send([prefix, ...parts]);
  }

  block(): Buffer {
    return this.headerBlock;
  }

  head(httpStatus: number, fields: readonly HeaderField[]): void {
    if (httpStatus === 200) this.end = endByStatus(fields);
    else this.giveUp({ error: `http ${httpStatus}`, detail: '' });
  }

  data(bytes: Buffer, start: number, end: number): void {
    const whole = this.partial === undefined ? bytes : Buffer.concat([this.partial, bytes.subarray(start, end)]);
    try {
      if (whole === bytes) this.partial = this.readMessages(bytes, start, end);
      else this.partial = this.readMessages(whole, 0, whole.length);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.giveUp({ error: 'protocol', detail: error.message });
    }
  }

  trailers(fields: readonly HeaderField[]): void {
    this.end = endByStatus(fields);
  }

  closed(code: number, fault: string | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    this.events.ended(this.endBy(code, fault));
  }

  private endBy(code: number, fault: string | undefined): CallEnd {
    if (fault !== undefined) return { error: 'protocol', detail: fault };
    if (code === Http2ErrorCode.noError) return this.end ?? { error: 'ended without a status', detail: '' };
    const { goneAway } = this.host;
    if (code === Http2ErrorCode.refusedStream && goneAway !== undefined) return goneAway;
    return { error: `reset ${errorName(code)}`, detail: '' };
  }

  private giveUp(end: CallEnd): void {
    if (this.isOver) return;
    this.isOver = true;
    this.host.cancel(this.stream);
    this.events.ended(end);
  }

  /** Gives the beginning of the message that is not whole. @throws RangeError when it is none. */
  private readMessages(bytes: Buffer, start: number, end: number): Buffer | undefined {
    let at = start;
    while (end - at >= FRAME_PREFIX_BYTES) {
      if (bytes[at] !== 0) throw new RangeError('grpc: got a compressed message, which was not offered');
      const length = uint32(bytes, at + 1);
      if (length > MAX_MESSAGE_BYTES) throw new RangeError(`grpc: got a message of ${length} bytes`);
      const messageEnd = at + FRAME_PREFIX_BYTES + length;
      if (messageEnd > end) break;
      this.events.message(bytes, at + FRAME_PREFIX_BYTES, messageEnd);
      at = messageEnd;
    }
    return at === end ? undefined : Buffer.from(bytes.subarray(at, end));
  }
}
