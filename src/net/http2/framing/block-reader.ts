import { decodeHuffman } from './huffman.js';

/** No block is longer, and no length or index within one is larger. */
const MAX_INTEGER = 2 ** 24;

/**
 * Octets behind the prefix of an integer. Four hold {@link MAX_INTEGER}; with the fifth an encoder may fill up with
 * zeros, as nghttp2 lets it, too. More are an error: "encodings that exceed implementation limits, in value or octet
 * length". (RFC 7541 §5.1)
 */
const MAX_CONTINUATION_OCTETS = 5;

/** Reads the primitives of one header block. (RFC 7541 §5) */
export class BlockReader {
  /** Where the next octet is. */
  at = 0;

  constructor(private readonly block: Buffer) {}

  /** `mask` has the bits of its first octet that belong to it. @throws RangeError */
  integer(mask: number): number {
    const octet = this.block[this.at];
    if (octet === undefined) throw endsEarly();
    this.at += 1;
    const value = octet & mask;
    return value < mask ? value : this.long(value);
  }

  /** @throws RangeError */
  string(): string {
    const { block } = this;
    const isHuffman = (block[this.at] ?? 0) >= 0x80;
    const length = this.integer(0x7f);
    const start = this.at;
    const end = start + length;
    if (!(end <= block.length)) throw new RangeError('hpack: got a string that ends behind its block');
    this.at = end;
    return isHuffman ? decodeHuffman(block.subarray(start, end)) : block.toString('latin1', start, end);
  }

  /** The rest of an integer whose first octet has no room for it. */
  private long(prefix: number): number {
    let value = prefix;
    let scale = 1;
    for (let count = 0; count < MAX_CONTINUATION_OCTETS; count += 1) {
      const octet = this.block[this.at];
      if (octet === undefined) throw endsEarly();
      this.at += 1;
      value += (octet & 0x7f) * scale;
      if (!(value <= MAX_INTEGER)) throw new RangeError(`hpack: got an integer above ${MAX_INTEGER}`);
      if (octet < 0x80) return value;
      scale *= 0x80;
    }
    throw new RangeError(`hpack: got an integer of more than ${MAX_CONTINUATION_OCTETS} octets behind its first`);
  }
}

function endsEarly(): RangeError {
  return new RangeError('hpack: got a block that ends within a field');
}
