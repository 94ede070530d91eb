import { decodeHuffman } from './huffman.js';

/** The static table, from index 1 on. (RFC 7541 Appendix A) */
const STATIC_TABLE: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((status) => [':status', status] as const),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...[
    ...['accept-language', 'accept-ranges', 'accept', 'access-control-allow-origin', 'age', 'allow', 'authorization'],
    ...['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-length'],
    ...['content-location', 'content-range', 'content-type', 'cookie', 'date', 'etag', 'expect', 'expires', 'from'],
    ...['host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'last-modified'],
    ...['link', 'location', 'max-forwards', 'proxy-authenticate', 'proxy-authorization', 'range', 'referer'],
    ...['refresh', 'retry-after', 'server', 'set-cookie', 'strict-transport-security', 'transfer-encoding'],
    ...['user-agent', 'vary', 'via', 'www-authenticate'],
  ].map((name) => [name, ''] as const),
];

/** Literal header field without indexing, new name. (RFC 7541 §6.2.2) */
const LITERAL_NEW_NAME = 0x00;

/** The same, with the order never to put it into a table: for tokens. (RFC 7541 §6.2.3) */
const NEVER_INDEXED_NEW_NAME = 0x10;

/** Writes a header block of literals alone: it needs no state of the connection, so it can be made once for thousands. */
export function encodeHeaderBlock(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of headers) {
    const kind = name === 'authorization' ? NEVER_INDEXED_NEW_NAME : LITERAL_NEW_NAME;
    parts.push(Buffer.of(kind), encodeString(name), encodeString(value));
  }
  return Buffer.concat(parts);
}

/** Without Huffman: its first bit is 0. (RFC 7541 §5.2) */
function encodeString(text: string): Buffer {
  const octets = Buffer.from(text, 'latin1');
  return Buffer.concat([Buffer.from(encodeInteger(octets.length, 7)), octets]);
}

/** RFC 7541 §5.1, the bits above the prefix zero. */
function encodeInteger(value: number, prefixBits: number): number[] {
  const max = 2 ** prefixBits - 1;
  if (value < max) return [value];
  const octets = [max];
  let rest = value - max;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) octets.push((rest % 0x80) | 0x80);
  return [...octets, rest];
}

/**
 * Reads a header block of a peer that was told to keep no dynamic table (SETTINGS_HEADER_TABLE_SIZE 0).
 * @throws RangeError when it does not parse, or refers to a dynamic table all the same.
 */
export function decodeHeaderBlock(block: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  const reader = new BlockReader(block);
  while (!reader.isAtEnd) {
    const first = reader.peek();
    if (first >= 0x80) {
      const [name, value] = staticEntry(reader.integer(7));
      headers.set(name, value);
    } else if (first >= 0x20 && first < 0x40) {
      reader.integer(5); // A new size of the dynamic table; ours is 0. (RFC 7541 §6.3)
    } else {
      const index = reader.integer(first >= 0x40 ? 6 : 4);
      const name = index === 0 ? reader.string() : staticEntry(index)[0];
      headers.set(name, reader.string());
    }
  }
  return headers;
}

function staticEntry(index: number): readonly [string, string] {
  const entry = STATIC_TABLE[index - 1];
  if (entry === undefined) throw new RangeError(`hpack: got index ${index}, expected one of the static table`);
  return entry;
}

class BlockReader {
  #at = 0;

  constructor(private readonly block: Buffer) {}

  get isAtEnd(): boolean {
    return this.#at >= this.block.length;
  }

  peek(): number {
    return this.block.readUInt8(this.#at);
  }

  integer(prefixBits: number): number {
    const max = 2 ** prefixBits - 1;
    let value = this.#octet() & max;
    if (value < max) return value;
    for (let scale = 1; ; scale *= 0x80) {
      const octet = this.#octet();
      value += (octet & 0x7f) * scale;
      // A block is read whole, so no length in it can be above its own.
      if (value > 2 ** 24) throw new RangeError('hpack: got an integer above 2^24');
      if (octet < 0x80) return value;
    }
  }

  string(): string {
    const isHuffman = this.peek() >= 0x80;
    const length = this.integer(7);
    const end = this.#at + length;
    if (end > this.block.length) throw new RangeError('hpack: got a string that ends behind its block');
    const octets = this.block.subarray(this.#at, end);
    this.#at = end;
    return isHuffman ? decodeHuffman(octets) : octets.toString('latin1');
  }

  #octet(): number {
    const octet = this.block.readUInt8(this.#at);
    this.#at += 1;
    return octet;
  }
}
