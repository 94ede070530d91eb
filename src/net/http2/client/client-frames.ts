import { ConnectionError, Http2ErrorCode, StreamError } from '../framing/errors.js';
import { costOfBlock, costOfSettings, type FloodGuard } from '../framing/flood-guard.js';
import { expectBytes, expectConnection, readIncrement } from '../framing/frame-checks.js';
import { FrameReader, type FrameSink } from '../framing/frame-reader.js';
import { encodeFrame, Flag, Frame, uint31, uint32 } from '../framing/frames.js';
import { HeaderBlocks } from '../framing/header-blocks.js';
import { HeaderDecoder } from '../framing/header-decoder.js';
import type { HeaderField } from '../framing/header-table.js';
import { readPeerSettings } from '../framing/peer-settings.js';
import { ClientContent } from './client-content.js';
import { MAX_RESPONSE_LIST_BYTES } from './client-options.js';
import type { ClientSender } from './client-sender.js';
import type { ClientStreams } from './client-streams.js';

const SETTINGS_ACK = encodeFrame(Frame.settings, Flag.ack, 0, Buffer.alloc(0));

export interface ClientFramesParts {
  readonly streams: ClientStreams;
  readonly sender: ClientSender;
  readonly guard: FloodGuard;
  /** The answer to a PING has come. */
  readonly onPong: () => void;
}

/**
 * What a server sends: checks each frame and passes it to whom it is for. A fault of one stream ends that stream here; one
 * of the whole connection is thrown. (RFC 9113 §5.4, §6)
 */
export class ClientFrames implements FrameSink {
  private readonly reader = new FrameReader(this);
  private readonly blocks = new HeaderBlocks();
  private readonly decoder = new HeaderDecoder();
  private readonly streams: ClientStreams;
  private readonly sender: ClientSender;
  private readonly guard: FloodGuard;
  private readonly onPong: () => void;
  private readonly content: ClientContent;
  private hasSettings = false;
  private isOver = false;

  constructor({ streams, sender, guard, onPong }: ClientFramesParts) {
    this.streams = streams;
    this.sender = sender;
    this.guard = guard;
    this.onPong = onPong;
    this.content = new ClientContent(streams, sender, guard);
  }

  /** @throws ConnectionError. */
  read(bytes: Buffer, start: number, end: number): void {
    this.reader.push(bytes, start, end);
  }

  /** What is still read means nothing. */
  stop(): void {
    this.isOver = true;
  }

  /** There is one connection to a CA, or two: nobody waits for its turn behind it. */
  readonly isTurnOver = false;

  isForNextTurn(): boolean {
    return false;
  }

  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (this.isOver) return;
    this.expect(type, flags);
    try {
      this.take(type, flags, streamId, bytes, start, end);
    } catch (error) {
      this.ended(error);
    }
    this.guard.check();
  }

  beginData(flags: number, streamId: number, length: number): void {
    if (this.isOver) return;
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
    if (!this.hasSettings && (type !== Frame.settings || (flags & Flag.ack) !== 0)) {
      throw new ConnectionError(Http2ErrorCode.protocolError, 'got another frame first, expected SETTINGS');
    }
    if (this.blocks.isOpen && type !== Frame.continuation) {
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
        this.takeHeaders(type, flags, streamId, bytes, start, end);
        break;
      case Frame.priority:
        // It says nothing to a client, but has a form. (RFC 9113 §6.3)
        this.guard.charge();
        if (streamId === 0) throw new ConnectionError(Http2ErrorCode.protocolError, 'got PRIORITY without a stream');
        if (end - start !== 5)
          throw new StreamError(streamId, Http2ErrorCode.frameSizeError, 'got PRIORITY of another size');
        break;
      case Frame.resetStream:
        this.expectBegun(streamId);
        expectBytes(end - start, 4, 'RST_STREAM');
        this.guard.charge();
        this.streams.takeReset(streamId, uint32(bytes, start));
        break;
      case Frame.settings:
        this.takeSettings(flags, streamId, bytes, start, end);
        break;
      case Frame.pushPromise:
        throw new ConnectionError(Http2ErrorCode.protocolError, 'got PUSH_PROMISE, which was forbidden');
      case Frame.ping:
        this.takePing(flags, streamId, bytes.subarray(start, end));
        break;
      case Frame.goAway:
        expectConnection(streamId);
        if (end - start < 8) throw new ConnectionError(Http2ErrorCode.frameSizeError, 'got a part of GOAWAY');
        this.guard.charge();
        this.streams.goAway(uint31(bytes, start));
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

  private takeHeaders(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.expectBegun(streamId);
    const block = this.blocks.take(type, flags, streamId, bytes, start, end);
    // Of a block in many parts each is kept.
    if (type === Frame.continuation) this.guard.charge();
    if (block === undefined) return;
    // Whoever it is for: later blocks may refer to its fields.
    const fields = this.decode(block.bytes);
    this.guard.charge(costOfBlock(block.bytes.length, this.decoder.fieldsRead));
    const stream = this.streams.get(streamId);
    if (stream === undefined) this.guard.charge();
    else this.streams.takeHeaders(stream, block, fields);
  }

  private decode(block: Buffer): readonly HeaderField[] | undefined {
    try {
      return this.decoder.decode(block, MAX_RESPONSE_LIST_BYTES);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new ConnectionError(Http2ErrorCode.compressionError, error.message);
    }
  }

  private takeSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    expectConnection(streamId);
    if (flags & Flag.ack) {
      this.guard.charge();
      if (end > start) throw new ConnectionError(Http2ErrorCode.frameSizeError, 'got an ACK of SETTINGS with settings');
      return;
    }
    const { entries, initialWindowBytes, maxConcurrentStreams, enablesPush } = readPeerSettings(bytes, start, end);
    // A server may only say that it does not. (RFC 9113 §6.5.2)
    if (enablesPush) throw new ConnectionError(Http2ErrorCode.protocolError, 'got ENABLE_PUSH 1 from a server');
    this.sender.frames(SETTINGS_ACK);
    const lookedAt = initialWindowBytes === undefined ? 0 : this.sender.resize(initialWindowBytes, this.streams.all());
    this.guard.charge(costOfSettings(entries, lookedAt));
    // Whoever names no limit at first has none.
    if (maxConcurrentStreams !== undefined) this.streams.allow(maxConcurrentStreams);
    else if (!this.hasSettings) this.streams.allow(Number.POSITIVE_INFINITY);
    this.hasSettings = true;
  }

  private takePing(flags: number, streamId: number, payload: Buffer): void {
    expectConnection(streamId);
    expectBytes(payload.length, 8, 'PING');
    this.guard.charge();
    if (flags & Flag.ack) this.onPong();
    else this.sender.frames(encodeFrame(Frame.ping, Flag.ack, 0, payload));
  }

  private takeWindowUpdate(streamId: number, bytes: Buffer, start: number, length: number): void {
    if (streamId > 0) this.expectBegun(streamId);
    this.guard.charge();
    const increment = readIncrement(streamId, bytes, start, length);
    const stream = this.streams.get(streamId);
    if (streamId === 0 || stream !== undefined) this.sender.grow(stream, increment);
  }

  private expectBegun(streamId: number): void {
    if (this.streams.hasBegun(streamId)) return;
    throw new ConnectionError(Http2ErrorCode.protocolError, 'got a frame for a stream that never began');
  }
}
