import { ConnectionError, Http2ErrorCode } from './errors.js';
import { Flag, Frame, uint31 } from './frames.js';

/** Coded, so a list of the limit below fits in. A service-account token has 1 to 20 kB. */
const MAX_BLOCK_BYTES = 128 * 1024;

/** A block of the limit in frames of the usual size has 8; empty ones must not keep us busy for ever. */
const MAX_CONTINUATIONS = 32;

/** A header block, all its frames joined. */
export interface HeaderBlock {
  readonly streamId: number;
  readonly bytes: Buffer;
  /** Nothing of this stream follows. */
  readonly isLast: boolean;
  /** The stream that its priority names; 0 when it has none. (RFC 9113 §6.2) */
  readonly dependsOn: number;
}

/** Joins HEADERS with the CONTINUATIONs that follow it; no other frame may come between. (RFC 9113 §6.10) */
export class HeaderBlocks {
  private open: (Omit<HeaderBlock, 'bytes'> & { fragments: Buffer[]; bytes: number }) | undefined;

  /** A block has begun: only its CONTINUATION may come now. */
  get isOpen(): boolean {
    return this.open !== undefined;
  }

  /** Octets of it that have come. */
  get keptBytes(): number {
    return this.open?.bytes ?? 0;
  }

  /**
   * Takes one of the two frames, its payload `bytes` from `start` to `end`; gives the block when it is whole. The block
   * is only valid as long as `bytes`.
   * @throws ConnectionError when frames do not fit together, or are too many.
   */
  take(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): HeaderBlock | undefined {
    const isWhole = (flags & Flag.endHeaders) !== 0;
    if (type === Frame.headers && this.open === undefined) {
      const fragment = withoutPadding(bytes, start, end, flags);
      const isLast = (flags & Flag.endStream) !== 0;
      const dependsOn = flags & Flag.priority ? uint31(bytes, start + (flags & Flag.padded ? 1 : 0)) : 0;
      if (isWhole) return { streamId, bytes: fragment, isLast, dependsOn };
      this.open = { streamId, isLast, dependsOn, fragments: [Buffer.from(fragment)], bytes: fragment.length };
      return undefined;
    }
    const open = this.open;
    if (open === undefined || open.streamId !== streamId || type === Frame.headers) {
      throw new ConnectionError(Http2ErrorCode.protocolError, 'got a part of a header block that fits to no other');
    }
    open.fragments.push(Buffer.from(bytes.subarray(start, end)));
    open.bytes += end - start;
    if (open.bytes > MAX_BLOCK_BYTES || open.fragments.length > MAX_CONTINUATIONS) {
      throw new ConnectionError(
        Http2ErrorCode.enhanceYourCalm,
        `got a header block of more than ${MAX_BLOCK_BYTES} bytes`,
      );
    }
    if (!isWhole) return undefined;
    this.open = undefined;
    return { ...open, bytes: Buffer.concat(open.fragments) };
  }
}

/** RFC 9113 §6.2: the length of the padding first, then five octets of priority, padding last. */
function withoutPadding(bytes: Buffer, frameStart: number, frameEnd: number, flags: number): Buffer {
  const isPadded = (flags & Flag.padded) !== 0;
  const padding = isPadded && frameStart < frameEnd ? (bytes[frameStart] ?? 0) : 0;
  const start = frameStart + (isPadded ? 1 : 0) + (flags & Flag.priority ? 5 : 0);
  const end = frameEnd - padding;
  if (start > end) throw new ConnectionError(Http2ErrorCode.protocolError, 'got more padding than frame');
  return bytes.subarray(start, end);
}
