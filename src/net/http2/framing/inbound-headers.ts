import { ConnectionError, Http2ErrorCode } from './errors.js';
import { Cost, costOfBlock, type FloodGuard } from './flood-guard.js';
import { Frame } from './frames.js';
import { type HeaderBlock, HeaderBlocks } from './header-blocks.js';
import { HeaderDecoder } from './header-decoder.js';
import type { HeaderField } from './header-table.js';
import type { AnnouncedLimits, InboundHalf } from './inbound-half.js';

/**
 * The header blocks of a peer, on their way to their streams: joined, and decoded in their order. (RFC 9113 §4.3, §6.2)
 */
export class InboundHeaders {
  private readonly blocks = new HeaderBlocks();
  private readonly decoder = new HeaderDecoder();

  constructor(
    private readonly half: Pick<InboundHalf<never>, 'expectHeaders' | 'takeHeaders'>,
    private readonly guard: FloodGuard,
    private readonly limits: AnnouncedLimits,
  ) {}

  /** A block has begun and not ended. */
  get isOpen(): boolean {
    return this.blocks.isOpen;
  }

  /** Octets of that block. */
  get keptBytes(): number {
    return this.blocks.keptBytes;
  }

  /** The peer knows our settings from now on. */
  settingsAcknowledged(): void {
    this.decoder.agree(this.limits.headerTableBytes);
  }

  /** A HEADERS or CONTINUATION frame. @throws ConnectionError, StreamError. */
  take(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.half.expectHeaders(streamId);
    const block = this.blocks.take(type, flags, streamId, bytes, start, end);
    // Of a block in many parts each is kept.
    if (type === Frame.continuation) this.guard.charge();
    if (block !== undefined) this.half.takeHeaders(block, this.decode(block));
  }

  /** Whatever is wrong with a block, it is decoded: later ones may refer to its fields. @throws ConnectionError. */
  private decode({ bytes }: HeaderBlock): readonly HeaderField[] | undefined {
    let fields: readonly HeaderField[] | undefined;
    try {
      fields = this.decoder.decode(bytes, this.limits.maxHeaderListBytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new ConnectionError(Http2ErrorCode.compressionError, error.message);
    }
    const { fieldsRead } = this.decoder;
    const cost = costOfBlock(bytes.length, fieldsRead);
    // A Huffman code of 64 octets takes about as long as a field.
    this.guard.charge(cost, cost + Cost.event + fieldsRead + (bytes.length >>> 6));
    return fields;
  }
}
