import * as frames from '../../net/http2/index.js';
import { ConnectionError, Flag, Frame, HeaderBlocks, Setting } from '../../net/http2/index.js';
import type { FleetSocket, FleetSocketEvents, FleetSockets, SocketError } from '../sockets/fleet-socket.js';
import { FrameReader } from './frame-reader.js';
import { encodeOpening } from './opening.js';
import { Http2Stream, type StreamEnd, type StreamEvents, type StreamSender } from './stream.js';
import { streamEndOf } from './stream-end.js';

/** A window is given back when this much of it is used: at 3 kB a push that is once in 350 000 of them. */
const GIVE_BACK_BYTES = 2 ** 30;

const NOTHING = Buffer.alloc(0);
const OPENING = encodeOpening(frames.MAX_WINDOW_BYTES);
const SETTINGS_ACK = frames.encodeFrame(Frame.settings, Flag.ack, 0, NOTHING);
const PING = frames.encodeFrame(Frame.ping, 0, 0, Buffer.from('sidecert'));

export interface ConnectionEvents {
  connected(): void;
  /** The answer to the last `ping`. */
  ponged?(): void;
  /** Called once, and last, unless we closed it ourselves. Its streams have been told before. */
  closed(reason: ConnectionEnd): void;
}

export interface ConnectionEnd {
  readonly wasConnected: boolean;
  /** To count by: `connect ECONNREFUSED`, `closed`, `protocol`. */
  readonly error: string;
  readonly detail: string;
}

/**
 * The client half of HTTP/2 over a Unix socket, as much of it as a fake Envoy needs, at the least cost: thousands of
 * these are in one process. (RFC 9113)
 */
export class Http2Connection implements StreamSender, FleetSocketEvents {
  private readonly socket: FleetSocket;
  private readonly streams = new Map<number, Http2Stream>();
  private readonly frames = new FrameReader((type, flags, streamId, bytes, start, end) =>
    this.take(type, flags, streamId, bytes, start, end),
  );
  private readonly headers = new HeaderBlocks();
  private nextStreamId = 1;
  private sendWindow = frames.DEFAULT_WINDOW_BYTES;
  private receiveWindow = frames.MAX_WINDOW_BYTES;
  private peerInitialWindow = frames.DEFAULT_WINDOW_BYTES;
  private peerMaxFrame = frames.DEFAULT_MAX_FRAME_BYTES;
  private isConnected = false;
  private goneAway: string | undefined;
  private isClosed = false;

  constructor(
    path: string,
    sockets: FleetSockets,
    private readonly events: ConnectionEvents,
  ) {
    this.socket = sockets.connect(path, this);
  }

  /** True when the server lets no further stream begin. */
  get isGoingAway(): boolean {
    return this.goneAway !== undefined;
  }

  connected(): void {
    this.isConnected = true;
    // What begins together travels together.
    this.socket.cork();
    this.socket.write(OPENING);
    this.events.connected();
    this.socket.uncork();
  }

  closed(error: SocketError | undefined): void {
    if (error === undefined) {
      this.over({ error: this.goneAway ?? 'closed', detail: 'the server closed the connection' });
    } else {
      const kind = this.isConnected ? 'connection lost' : 'connect';
      this.over({ error: `${kind} ${error.code}`.trimEnd(), detail: error.message });
    }
  }

  /** Begins a call; `block` is its header block. */
  open(block: Buffer, events: StreamEvents): Http2Stream {
    const stream = new Http2Stream(this.nextStreamId, events, this, this.peerInitialWindow);
    this.nextStreamId += 2;
    this.streams.set(stream.id, stream);
    this.socket.write(frames.encodeHeaders(stream.id, block, this.peerMaxFrame));
    return stream;
  }

  /** Sends a PING; one at a time, else the answers cannot be told apart. */
  ping(): void {
    this.socket.write(PING);
  }

  /** Stops reading, so that the server has to wait, until `resume`. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Ends the connection without a word to `events` or to the streams. Safe to call twice. */
  close(): void {
    this.isClosed = true;
    this.streams.clear();
    this.socket.destroy();
  }

  sendFrame(stream: Http2Stream, frame: Buffer): boolean {
    const length = frame.length - frames.FRAME_HEADER_BYTES;
    if (length > this.sendWindow || length > stream.sendWindow || length > this.peerMaxFrame) return false;
    this.sendWindow -= length;
    stream.sendWindow -= length;
    frames.writeFrameHeader(frame, Frame.data, 0, stream.id, length);
    this.socket.write(frame);
    return true;
  }

  flush(stream: Http2Stream): void {
    for (;;) {
      const allowed = Math.min(this.sendWindow, stream.sendWindow, this.peerMaxFrame);
      const length = Math.min(
        allowed,
        stream.parts.reduce((sum, part) => sum + part.length, 0),
      );
      if (length <= 0) return;
      this.sendWindow -= length;
      stream.sendWindow -= length;
      const header = Buffer.allocUnsafe(frames.FRAME_HEADER_BYTES);
      frames.writeFrameHeader(header, Frame.data, 0, stream.id, length);
      this.socket.write(header);
      for (const part of takeBytes(stream.parts, length)) this.socket.write(part);
    }
  }

  received(bytes: Buffer, start: number, end: number): void {
    const socket = this.socket;
    // What is written while a read is worked off goes out in one piece.
    socket.cork();
    try {
      this.frames.push(bytes, start, end);
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof ConnectionError)) throw error;
      socket.destroy();
      this.over({ error: 'protocol', detail: error.message });
      return;
    }
    socket.uncork();
  }

  private take(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case Frame.data:
        this.takeData(flags, streamId, bytes, start, end);
        break;
      case Frame.headers:
      case Frame.continuation: {
        const block = this.headers.take(type, flags, streamId, bytes, start, end);
        if (block !== undefined) this.takeHeaders(block.streamId, streamEndOf(block.bytes, block.isLast));
        break;
      }
      case Frame.resetStream:
        this.endStream(streamId, { error: `reset ${frames.errorName(bytes.readUInt32BE(start))}`, detail: '' });
        break;
      case Frame.settings:
        if ((flags & Flag.ack) === 0) this.takeSettings(bytes, start, end);
        break;
      case Frame.ping:
        if (flags & Flag.ack) this.events.ponged?.();
        else this.socket.write(frames.encodeFrame(Frame.ping, Flag.ack, 0, bytes.subarray(start, end)));
        break;
      case Frame.goAway:
        this.takeGoAway(bytes, start, end);
        break;
      case Frame.windowUpdate:
        this.takeWindowUpdate(streamId, bytes.readUInt32BE(start) & 0x7fff_ffff);
        break;
      default:
        // Unknown frames are to be ignored. (RFC 9113 §4.1)
        break;
    }
  }

  private takeData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.receiveWindow -= end - start;
    if (this.receiveWindow < GIVE_BACK_BYTES) {
      this.socket.write(frames.encodeWindowUpdate(0, frames.MAX_WINDOW_BYTES - this.receiveWindow));
      this.receiveWindow = frames.MAX_WINDOW_BYTES;
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    stream.receiveWindow -= end - start;
    if (stream.receiveWindow < GIVE_BACK_BYTES) {
      this.socket.write(frames.encodeWindowUpdate(streamId, frames.MAX_WINDOW_BYTES - stream.receiveWindow));
      stream.receiveWindow = frames.MAX_WINDOW_BYTES;
    }
    if (flags & Flag.padded) stream.receive(bytes, start + 1, end - (bytes[start] ?? 0));
    else stream.receive(bytes, start, end);
    if (flags & Flag.endStream) this.endStream(streamId, { error: 'ended without a status', detail: '' });
  }

  private takeHeaders(streamId: number, end: StreamEnd | undefined): void {
    if (end !== undefined) this.endStream(streamId, end);
  }

  private takeSettings(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at + 6 <= end; at += 6) {
      const value = bytes.readUInt32BE(at + 2);
      const id = bytes.readUInt16BE(at);
      if (id === Setting.maxFrameSize) this.peerMaxFrame = value;
      if (id !== Setting.initialWindowSize) continue;
      const change = value - this.peerInitialWindow;
      this.peerInitialWindow = value;
      // It also counts for the streams that are open. (RFC 9113 §6.9.2)
      for (const stream of this.streams.values()) stream.sendWindow += change;
    }
    this.socket.write(SETTINGS_ACK);
    this.flushAll();
  }

  private takeWindowUpdate(streamId: number, bytes: number): void {
    if (streamId === 0) {
      this.sendWindow += bytes;
      this.flushAll();
      return;
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    stream.sendWindow += bytes;
    this.flush(stream);
  }

  private flushAll(): void {
    for (const stream of this.streams.values()) if (stream.parts.length > 0) this.flush(stream);
  }

  /** Streams above the last one that the server took will never be answered; the others go on. (RFC 9113 §6.8) */
  private takeGoAway(bytes: Buffer, start: number, end: number): void {
    const lastStreamId = bytes.readUInt32BE(start) & 0x7fff_ffff;
    const error = `goaway ${frames.errorName(bytes.readUInt32BE(start + 4))}`;
    const detail = bytes.toString('latin1', start + 8, end);
    this.goneAway = error;
    for (const id of [...this.streams.keys()]) if (id > lastStreamId) this.endStream(id, { error, detail });
  }

  private endStream(streamId: number, end: StreamEnd): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    this.streams.delete(streamId);
    stream.events.ended(end);
  }

  private over(end: Omit<ConnectionEnd, 'wasConnected'>): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const id of [...this.streams.keys()]) this.endStream(id, end);
    this.events.closed({ ...end, wasConnected: this.isConnected });
  }
}

/** Takes exactly `length` octets off the front of `parts`. */
function takeBytes(parts: Buffer[], length: number): Buffer[] {
  const taken: Buffer[] = [];
  let missing = length;
  while (missing > 0) {
    const part = parts.shift();
    if (part === undefined) break;
    taken.push(part.subarray(0, missing));
    if (part.length > missing) parts.unshift(part.subarray(missing));
    missing -= Math.min(missing, part.length);
  }
  return taken;
}
