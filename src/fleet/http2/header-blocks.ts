import { Flag, Frame } from './frames.js';

/** Of a response: a status, and a message cut to 8 kB by most servers. */
const MAX_BLOCK_BYTES = 256 * 1024;

/** A header block, all its frames joined. */
export interface HeaderBlock {
  readonly streamId: number;
  readonly bytes: Buffer;
  /** True for trailers: nothing of this stream follows. */
  readonly isLast: boolean;
}

/** Joins HEADERS with the CONTINUATIONs that follow it; no other frame may come between. (RFC 9113 §6.10) */
export class HeaderBlocks {
  #open: { streamId: number; isLast: boolean; fragments: Buffer[] } | undefined;

  /**
   * Takes one of the two frames; gives the block when it is whole. The block is only valid as long as `payload`.
   * @throws RangeError when frames do not fit together.
   */
  take(type: number, flags: number, streamId: number, payload: Buffer): HeaderBlock | undefined {
    const fragment = type === Frame.headers ? withoutPadding(payload, flags) : payload;
    const isWhole = (flags & Flag.endHeaders) !== 0;
    if (type === Frame.headers && this.#open === undefined) {
      const isLast = (flags & Flag.endStream) !== 0;
      if (isWhole) return { streamId, bytes: fragment, isLast };
      this.#open = { streamId, isLast, fragments: [Buffer.from(fragment)] };
      return undefined;
    }
    const open = this.#open;
    if (open === undefined || open.streamId !== streamId || type === Frame.headers) {
      throw new RangeError('http2: got a part of a header block that fits to no other');
    }
    open.fragments.push(Buffer.from(fragment));
    if (open.fragments.reduce((sum, { length }) => sum + length, 0) > MAX_BLOCK_BYTES) {
      throw new RangeError(`http2: got a header block above ${MAX_BLOCK_BYTES} bytes`);
    }
    if (!isWhole) return undefined;
    this.#open = undefined;
    return { streamId, bytes: Buffer.concat(open.fragments), isLast: open.isLast };
  }
}

/** RFC 9113 §6.2: the length of the padding first, then five octets of priority, padding last. */
function withoutPadding(payload: Buffer, flags: number): Buffer {
  const padding = flags & Flag.padded ? (payload[0] ?? 0) : 0;
  const start = (flags & Flag.padded ? 1 : 0) + (flags & Flag.priority ? 5 : 0);
  return payload.subarray(start, payload.length - padding);
}
