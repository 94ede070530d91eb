import { ConnectionError, Http2ErrorCode } from '../framing/errors.js';
import { Cost, costOfBlock, type FloodGuard } from '../framing/flood-guard.js';
import * as frames from '../framing/frames.js';
import { Flag, Frame } from '../framing/frames.js';
import { HeaderBlocks } from '../framing/header-blocks.js';
import { HeaderDecoder } from '../framing/header-decoder.js';
import type { HeaderField } from '../framing/header-table.js';
import { HEADER_TABLE_BYTES, MAX_HEADER_LIST_BYTES } from './server-settings.js';
import type { ServerStreams } from './server-streams.js';

/** The header blocks of a peer's requests, on their way to their streams: put together, and decoded in their order. (RFC 9113 §4.3, §6.2) */
export class InboundHeaders {
  private readonly blocks = new HeaderBlocks();
  private readonly decoder = new HeaderDecoder();

  constructor(
    private readonly streams: ServerStreams,
    private readonly guard: FloodGuard,
  ) {}

  /** A block has begun and not ended. */
  get isOpen(): boolean {
    return this.blocks.isOpen;
  }

  /** The peer knows our settings from now on. */
  settingsAcknowledged(): void {
    this.decoder.agree(HEADER_TABLE_BYTES);
  }

  /** Octets of that block. */
  get keptBytes(): number {
    return this.blocks.keptBytes;
  }

  /** A HEADERS or CONTINUATION frame. @throws ConnectionError, StreamError. */
  take(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId % 2 === 0)
      throw new ConnectionError(Http2ErrorCode.protocolError, 'got a stream that no client may begin');
    const block = this.blocks.take(type, flags, streamId, bytes, start, end);
    // Of a block in many parts each is kept.
    if (type === Frame.continuation) this.guard.charge();
    if (block === undefined) return;
    // Whatever else is wrong with it: later blocks may refer to its fields.
    const fields = this.decode(block.bytes);
    const { fieldsRead } = this.decoder;
    const cost = costOfBlock(block.bytes.length, fieldsRead);
    // A Huffman code of 64 octets takes about as long as a field.
    this.guard.charge(cost, cost + Cost.event + fieldsRead + (block.bytes.length >>> 6));
    if (type === Frame.headers && dependsOnItself(flags, streamId, bytes, start)) this.streams.refuse(streamId);
    const stream = this.streams.get(streamId);
    if (stream !== undefined) this.streams.takeTrailers(stream, block, fields);
    else if (streamId > this.streams.lastId) this.streams.begin(block, fields);
    else this.meetClosed(streamId);
  }

  private decode(block: Buffer): readonly HeaderField[] | undefined {
    try {
      return this.decoder.decode(block, MAX_HEADER_LIST_BYTES);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new ConnectionError(Http2ErrorCode.compressionError, error.message);
    }
  }

  private meetClosed(streamId: number): void {
    switch (this.streams.whoClosed(streamId)) {
      case 'us':
        this.guard.charge();
        return;
      case 'peer':
        throw new ConnectionError(Http2ErrorCode.streamClosed, 'got HEADERS for a stream that is closed');
      case undefined:
        throw new ConnectionError(Http2ErrorCode.protocolError, 'got HEADERS for a lower stream than the last');
    }
  }
}

/** Of HEADERS with a priority. (RFC 7540 §5.3.1; RFC 9113 has no priorities any more, and judges still ask for it) */
function dependsOnItself(flags: number, streamId: number, bytes: Buffer, start: number): boolean {
  return (flags & Flag.priority) !== 0 && frames.uint31(bytes, start + (flags & Flag.padded ? 1 : 0)) === streamId;
}
