import { ConnectionError, Http2ErrorCode, StreamError } from './errors.js';
import { costOfSettings } from './flood-guard.js';
import { expectBytes, expectConnection, readIncrement } from './frame-checks.js';
import { FrameReader, type FrameSink } from './frame-reader.js';
import { encodeFrame, Flag, Frame, uint31, uint32 } from './frames.js';
import { InboundContent, type InboundParts } from './inbound-content.js';
import type { InboundStream } from './inbound-half.js';
import { InboundHeaders } from './inbound-headers.js';
import { readPeerSettings } from './peer-settings.js';

const SETTINGS_ACK = encodeFrame(Frame.settings, Flag.ack, 0, Buffer.alloc(0));

/**
 * What a peer sends, behind the preface of a client: checks each frame and passes it to whom it is for. A fault of one
 * stream ends that stream here; one of the whole connection is thrown. (RFC 9113 §5.4, §6)
 */
export class InboundFrames<Stream extends InboundStream> implements FrameSink {
  private readonly reader = new FrameReader(this);
  private readonly parts: InboundParts<Stream>;
  private readonly headers: InboundHeaders;
  private readonly content: InboundContent<Stream>;
  #hasSettings = false;
  private framesRead = 0;

  constructor(parts: InboundParts<Stream>) {
    this.parts = parts;
    this.headers = new InboundHeaders(parts.half, parts.guard, parts.limits);
    this.content = new InboundContent(parts);
  }

  /** The SETTINGS that every peer begins with have come. (RFC 9113 §3.4) */
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
    return this.parts.half.isTurnOver;
  }

  isForNextTurn(type: number, flags: number, length: number): boolean {
    if ((type !== Frame.headers && type !== Frame.continuation) || (flags & Flag.endHeaders) === 0) return false;
    return this.parts.half.isForNextTurn(this.headers.keptBytes + length);
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
    if (this.parts.streams.isOver) return;
    this.expect(type, flags);
    try {
      this.take(type, flags, streamId, bytes, start, end);
    } catch (error) {
      this.ended(error);
    }
    this.parts.guard.check();
  }

  beginData(flags: number, streamId: number, length: number): void {
    if (this.parts.streams.isOver) return;
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
    this.parts.guard.check();
  }

  private ended(error: unknown): void {
    if (!(error instanceof StreamError)) throw error;
    this.parts.streams.reset(error);
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
        this.takePriority(streamId, bytes, start, end);
        break;
      case Frame.resetStream:
        this.expectBegun(streamId);
        expectBytes(end - start, 4, 'RST_STREAM');
        this.parts.guard.charge();
        this.parts.streams.takeReset(streamId, uint32(bytes, start));
        break;
      case Frame.settings:
        this.takeSettings(flags, streamId, bytes, start, end);
        break;
      case Frame.pushPromise:
        // No client may send it, and no server to whom it was forbidden.
        throw new ConnectionError(Http2ErrorCode.protocolError, 'got PUSH_PROMISE, which was forbidden');
      case Frame.ping:
        this.takePing(flags, streamId, bytes.subarray(start, end));
        break;
      case Frame.goAway:
        expectConnection(streamId);
        if (end - start < 8) throw new ConnectionError(Http2ErrorCode.frameSizeError, 'got a part of GOAWAY');
        this.parts.guard.charge();
        this.parts.half.takeGoAway(uint31(bytes, start), uint32(bytes, start + 4), bytes.subarray(start + 8, end));
        break;
      case Frame.windowUpdate:
        this.takeWindowUpdate(streamId, bytes, start, end - start);
        break;
      default:
        // Unknown frames are to be ignored. (RFC 9113 §4.1)
        this.parts.guard.charge();
        break;
    }
  }

  /** Priorities are not kept, nor what they depend on; only checked for their form. (RFC 9113 §5.3.2, §6.3) */
  private takePriority(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionError(Http2ErrorCode.protocolError, 'got PRIORITY without a stream');
    this.parts.guard.charge();
    if (end - start !== 5)
      throw new StreamError(streamId, Http2ErrorCode.frameSizeError, 'got PRIORITY of another size');
    this.parts.half.takePriority(streamId, uint31(bytes, start));
  }

  private takeSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const { half, sender, guard } = this.parts;
    expectConnection(streamId);
    if (flags & Flag.ack) {
      guard.charge();
      if (end > start) throw new ConnectionError(Http2ErrorCode.frameSizeError, 'got an ACK of SETTINGS with settings');
      this.headers.settingsAcknowledged();
      return;
    }
    const settings = readPeerSettings(bytes, start, end);
    if (settings.enablesPush && half.isPeerServer)
      throw new ConnectionError(Http2ErrorCode.protocolError, 'got ENABLE_PUSH 1 from a server');
    // Before all that they allow: a peer may hold us to its earlier windows until it knows that we know. (RFC 9113
    // §6.5.3)
    sender.frames(SETTINGS_ACK);
    guard.charge(costOfSettings(settings.entries, half.takeSettings(settings)));
  }

  private takePing(flags: number, streamId: number, payload: Buffer): void {
    expectConnection(streamId);
    expectBytes(payload.length, 8, 'PING');
    this.parts.guard.charge();
    if (flags & Flag.ack) this.parts.half.takePong();
    else this.parts.sender.frames(encodeFrame(Frame.ping, Flag.ack, 0, payload));
  }

  private takeWindowUpdate(streamId: number, bytes: Buffer, start: number, length: number): void {
    const { streams, sender, guard } = this.parts;
    if (streamId > 0) this.expectBegun(streamId);
    guard.charge();
    const increment = readIncrement(streamId, bytes, start, length);
    const stream = streams.get(streamId);
    if (streamId === 0 || stream !== undefined) sender.grow(stream, increment);
  }

  private expectBegun(streamId: number): void {
    if (this.parts.streams.hasBegun(streamId)) return;
    throw new ConnectionError(Http2ErrorCode.protocolError, 'got a frame for a stream that never began');
  }
}
