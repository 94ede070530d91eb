import { ConnectionError, Http2ErrorCode, StreamError } from '../framing/errors.js';
import { costOfSettings, type FloodGuard } from '../framing/flood-guard.js';
import { expectBytes, expectConnection, readIncrement } from '../framing/frame-checks.js';
import { FrameReader, type FrameSink } from '../framing/frame-reader.js';
import * as frames from '../framing/frames.js';
import { Flag, Frame } from '../framing/frames.js';
import { readPeerSettings } from '../framing/peer-settings.js';
import { InboundContent } from './inbound-content.js';
import { InboundHeaders } from './inbound-headers.js';
import type { Sender } from './sender.js';
import type { ServerStreams } from './server-streams.js';

/** Longer than the block of a request with the token of a pod, of 1 to 2 kB. In Huffman code so much takes a millisecond while the code is cold. */
const LONG_BLOCK_BYTES = 4096;

const SETTINGS_ACK = frames.encodeFrame(Frame.settings, Flag.ack, 0, Buffer.alloc(0));

/**
 * What a peer sends behind its preface: checks each frame and passes it to whom it is for. A fault of one stream ends
 * that stream here; one of the whole connection is thrown. (RFC 9113 §5.4, §6)
 */
export class InboundFrames implements FrameSink {
  private readonly reader = new FrameReader(this);
  private readonly streams: ServerStreams;
  private readonly sender: Sender;
  private readonly guard: FloodGuard;
  private readonly headers: InboundHeaders;
  private readonly content: InboundContent;
  #hasSettings = false;
  private framesRead = 0;

  constructor(streams: ServerStreams, sender: Sender, guard: FloodGuard) {
    this.streams = streams;
    this.sender = sender;
    this.guard = guard;
    this.headers = new InboundHeaders(streams, guard);
    this.content = new InboundContent(streams, sender, guard);
  }

  /** The SETTINGS that every client begins with have come. (RFC 9113 §3.4) */
  get hasSettings(): boolean {
    return this.#hasSettings;
  }

  /** 0 unless a frame or a header block has begun and not ended; else a number that changes as frames come. */
  get unfinished(): number {
    return this.headers.isOpen || this.reader.isInFrame ? 1 + this.framesRead : 0;
  }

  /** The turn was over before all had been read. */
  get isPaused(): boolean {
    return this.reader.isPaused;
  }

  get isTurnOver(): boolean {
    return this.guard.isTurnOver;
  }

  /**
   * A long header block is decoded in a turn that the connection has waited for: the first turns of all who send at once are had before
   * anything else, and a block, which is decoded in one go, may take longer than such a turn.
   */
  isForNextTurn(type: number, flags: number, length: number): boolean {
    if (!this.guard.isFirstTurn || (type !== Frame.headers && type !== Frame.continuation)) return false;
    return (flags & Flag.endHeaders) !== 0 && this.headers.keptBytes + length >= LONG_BLOCK_BYTES;
  }

  /** Octets of frames and header blocks that have not come whole. */
  get keptBytes(): number {
    return this.reader.keptBytes + this.headers.keptBytes;
  }

  /** @throws ConnectionError. */
  read(bytes: Buffer, start: number, end: number): void {
    this.reader.push(bytes, start, end);
  }

  /** Keeps what comes from now on for the next turn. */
  pause(): void {
    this.reader.pause();
  }

  /** Goes on behind the last turn. @throws ConnectionError. */
  readOn(): void {
    this.reader.readOn();
  }

  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (this.streams.isOver) return;
    this.expect(type, flags);
    try {
      this.take(type, flags, streamId, bytes, start, end);
    } catch (error) {
      this.ended(error);
    }
    this.guard.check();
  }

  beginData(flags: number, streamId: number, length: number): void {
    if (this.streams.isOver) return;
    this.expect(Frame.data, flags);
    try {
      this.content.begin(flags, streamId, length, length);
    } catch (error) {
      this.ended(error);
    }
  }

  data(bytes: Buffer, start: number, end: number): void {
    this.content.take(bytes, start, end);
  }

  endData(): void {
    try {
      this.content.end();
    } catch (error) {
      this.ended(error);
    }
    this.guard.check();
  }

  private ended(error: unknown): void {
    if (!(error instanceof StreamError)) throw error;
    this.streams.reset(error);
  }

  /** What may come now: SETTINGS first, and nothing within a header block. (RFC 9113 §3.4, §6.10) */
  private expect(type: number, flags: number): void {
    this.framesRead += 1;
    if (!this.#hasSettings) {
      if (type !== Frame.settings || (flags & Flag.ack) !== 0) {
        throw new ConnectionError(Http2ErrorCode.protocolError, 'got another frame first, expected SETTINGS');
      }
      this.#hasSettings = true;
    }
    if (this.headers.isOpen && type !== Frame.continuation) {
      throw new ConnectionError(Http2ErrorCode.protocolError, 'got another frame within a header block');
    }
  }

  private take(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case Frame.data:
        this.content.takePadded(flags, streamId, bytes.subarray(start, end));
        break;
      case Frame.headers:
      case Frame.continuation:
        this.headers.take(type, flags, streamId, bytes, start, end);
        break;
      case Frame.priority:
        this.takePriority(streamId, bytes.subarray(start, end));
        break;
      case Frame.resetStream:
        this.expectBegun(streamId);
        expectBytes(end - start, 4, 'RST_STREAM');
        this.guard.charge();
        this.streams.takeReset(streamId);
        break;
      case Frame.settings:
        this.takeSettings(flags, streamId, bytes, start, end);
        break;
      case Frame.pushPromise:
        throw new ConnectionError(Http2ErrorCode.protocolError, 'got PUSH_PROMISE from a client');
      case Frame.ping:
        this.takePing(flags, streamId, bytes.subarray(start, end));
        break;
      case Frame.goAway:
        expectConnection(streamId);
        if (end - start < 8) throw new ConnectionError(Http2ErrorCode.frameSizeError, 'got a part of GOAWAY');
        this.guard.charge();
        break;
      case Frame.windowUpdate:
        this.takeWindowUpdate(streamId, bytes, start, end - start);
        break;
      default:
        // Unknown frames are to be ignored. (RFC 9113 §4.1)
        this.guard.charge();
        break;
    }
  }

  /** Priorities are not kept, nor what they depend on; only checked for their form. (RFC 9113 §5.3.2, §6.3) */
  private takePriority(streamId: number, payload: Buffer): void {
    if (streamId === 0) throw new ConnectionError(Http2ErrorCode.protocolError, 'got PRIORITY without a stream');
    this.guard.charge();
    if (payload.length !== 5)
      throw new StreamError(streamId, Http2ErrorCode.frameSizeError, 'got PRIORITY of another size');
    if (frames.uint31(payload, 0) === streamId) {
      throw new StreamError(streamId, Http2ErrorCode.protocolError, 'got a stream that depends on itself');
    }
  }

  private takeSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    expectConnection(streamId);
    if (flags & Flag.ack) {
      this.guard.charge();
      if (end > start) throw new ConnectionError(Http2ErrorCode.frameSizeError, 'got an ACK of SETTINGS with settings');
      this.headers.settingsAcknowledged();
      return;
    }
    const settings = readPeerSettings(bytes, start, end);
    this.guard.charge(costOfSettings(settings.entries, this.sender.apply(settings, this.streams.all())));
    this.sender.frames(SETTINGS_ACK);
  }

  private takePing(flags: number, streamId: number, payload: Buffer): void {
    expectConnection(streamId);
    expectBytes(payload.length, 8, 'PING');
    this.guard.charge();
    if ((flags & Flag.ack) === 0) this.sender.frames(frames.encodeFrame(Frame.ping, Flag.ack, 0, payload));
  }

  private takeWindowUpdate(streamId: number, bytes: Buffer, start: number, length: number): void {
    if (streamId > 0) this.expectBegun(streamId);
    this.guard.charge();
    const increment = readIncrement(streamId, bytes, start, length);
    if (streamId === 0) {
      this.sender.grow(undefined, increment);
      return;
    }
    const stream = this.streams.get(streamId);
    if (stream !== undefined) this.sender.grow(stream, increment);
  }

  private expectBegun(streamId: number): void {
    if (!this.streams.hasBegun(streamId)) {
      throw new ConnectionError(Http2ErrorCode.protocolError, 'got a frame for a stream that never began');
    }
  }
}
