import { writeAscii } from './frames.js';
import { decodeHuffman } from './huffman.js';

/** A header field as it came. */
export type HeaderField = readonly [name: string, value: string];

/**
 * The first value of a field, as it came. By index: of thousands of peers at once each asks for it when this has hardly run
 * yet, and each step of an iterator is an object then.
 */
export function fieldValue(fields: readonly HeaderField[], name: string): string | undefined {
  for (let index = 0; index < fields.length; index += 1) if (fields[index]?.[0] === name) return fields[index]?.[1];
  return undefined;
}

/** The static table, from index 1 on. (RFC 7541 Appendix A) */
const STATIC_TABLE: readonly HeaderField[] = [
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

/** Where each name stands first in it. */
const FIRST_INDEX = new Map<string, number>();
for (const [at, [name]] of STATIC_TABLE.entries()) if (!FIRST_INDEX.has(name)) FIRST_INDEX.set(name, at + 1);

/** A field that stands in a table. (RFC 7541 §6.1) */
const INDEXED = 0x80;

/** From here on a literal that is put into the table. (RFC 7541 §6.2.1) */
const KEPT = 0x40;

/** From here on a new size of the table. (RFC 7541 §6.3) */
const TABLE_SIZE = 0x20;

/** A literal that is put into no table. (RFC 7541 §6.2.2) */
const LITERAL = 0x00;

/** The same, with the order never to put it into one: for tokens. (RFC 7541 §6.2.3) */
const NEVER_INDEXED = 0x10;

/** What a literal takes besides its text: its kind and the lengths of both strings. No integer of ours is above 2^28. */
const MAX_LITERAL_OVERHEAD_BYTES = 1 + 5 + 5;

const NOTHING = Buffer.alloc(0);

/**
 * Writes a header block that refers to the static table alone: it needs no state of the connection, so it can be made once
 * for thousands. `before` is such a block, which the fields come behind.
 */
export function encodeHeaderBlock(headers: readonly HeaderField[], before: Buffer = NOTHING): Buffer {
  let mostBytes = before.length;
  for (const [name, value] of headers) mostBytes += MAX_LITERAL_OVERHEAD_BYTES + name.length + value.length;
  const block = Buffer.allocUnsafe(mostBytes);
  let at = before.copy(block);
  for (const [name, value] of headers) at = writeField(block, at, name, value);
  return block.subarray(0, at);
}

/** Gives the place behind it, as the others do. */
function writeField(block: Buffer, at: number, name: string, value: string): number {
  const first = FIRST_INDEX.get(name) ?? 0;
  for (let index = first; index > 0 && STATIC_TABLE[index - 1]?.[0] === name; index += 1) {
    if (value !== '' && STATIC_TABLE[index - 1]?.[1] === value) return writeInteger(block, at, INDEXED, 7, index);
  }
  const kind = name === 'authorization' ? NEVER_INDEXED : LITERAL;
  const nameEnd = writeInteger(block, at, kind, 4, first);
  return writeString(block, first > 0 ? nameEnd : writeString(block, nameEnd, name), value);
}

/** Without Huffman: its first bit is 0. (RFC 7541 §5.2) */
function writeString(block: Buffer, at: number, text: string): number {
  return writeAscii(block, text, writeInteger(block, at, 0, 7, text.length));
}

/** `kind` are the bits above the prefix. (RFC 7541 §5.1) */
function writeInteger(block: Buffer, at: number, kind: number, prefixBits: number, value: number): number {
  const max = (1 << prefixBits) - 1;
  if (value < max) {
    block[at] = kind | value;
    return at + 1;
  }
  block[at] = kind | max;
  let end = at + 1;
  let rest = value - max;
  for (; rest >= 0x80; rest >>>= 7) {
    block[end] = (rest & 0x7f) | 0x80;
    end += 1;
  }
  block[end] = rest;
  return end + 1;
}

/** What an entry costs besides its text. (RFC 7541 §4.1) */
const ENTRY_OVERHEAD_BYTES = 32;

/** What a table may hold until SETTINGS say otherwise. (RFC 9113 §6.5.2) */
export const DEFAULT_TABLE_BYTES = 4096;

/**
 * Reads the header blocks of one connection, in their order: the peer may refer to fields of earlier ones, in a table of
 * the default size. (RFC 7541)
 */
export class HeaderDecoder {
  /** Newest first. Made when a peer uses it. */
  private table: HeaderField[] | undefined;
  private tableBytes = 0;
  /** What the peer said that it uses. */
  private sizeBytes: number;
  private readonly limitBytes: number;

  /** `limitBytes` is what was agreed by SETTINGS_HEADER_TABLE_SIZE. */
  constructor(limitBytes: number = DEFAULT_TABLE_BYTES) {
    this.limitBytes = limitBytes;
    this.sizeBytes = limitBytes;
  }

  /**
   * The fields of a block, in order.
   * @param maxListBytes above this nothing is kept, but the block is still read, for later ones may depend on it; the
   *   result is then `undefined`. Counted as SETTINGS_MAX_HEADER_LIST_SIZE is. (RFC 9113 §6.5.2)
   * @throws RangeError when it does not parse: nothing that follows on the connection can be read then.
   */
  decode(block: Buffer, maxListBytes: number): HeaderField[] | undefined {
    const fields: HeaderField[] = [];
    const reader = new BlockReader(block);
    let listBytes = 0;
    while (reader.at < block.length) {
      const first = block[reader.at] ?? 0;
      let field: HeaderField;
      if (first >= INDEXED) {
        field = this.entry(reader.integer(0x7f));
      } else if (first >= KEPT) {
        field = this.literal(reader, 0x3f);
        this.keep(field);
      } else if (first >= TABLE_SIZE) {
        if (listBytes > 0) throw new RangeError('hpack: got a table size behind a field');
        this.resize(reader.integer(0x1f));
        continue;
      } else {
        field = this.literal(reader, 0x0f);
      }
      listBytes += bytesOf(field);
      if (listBytes <= maxListBytes) fields.push(field);
    }
    return listBytes <= maxListBytes ? fields : undefined;
  }

  /** `mask` has the bits of the index of its name. */
  private literal(reader: BlockReader, mask: number): HeaderField {
    const index = reader.integer(mask);
    const name = index === 0 ? reader.string() : this.entry(index)[0];
    return [name, reader.string()];
  }

  private entry(index: number): HeaderField {
    const entry = STATIC_TABLE[index - 1] ?? this.table?.[index - 1 - STATIC_TABLE.length];
    if (entry === undefined) throw new RangeError(`hpack: got index ${index}, expected one of a table`);
    return entry;
  }

  private keep(field: HeaderField): void {
    const bytes = bytesOf(field);
    this.shrinkTo(this.sizeBytes - bytes);
    if (bytes > this.sizeBytes) return;
    this.table ??= [];
    this.table.unshift(field);
    this.tableBytes += bytes;
  }

  private resize(bytes: number): void {
    if (bytes > this.limitBytes) {
      throw new RangeError(`hpack: got a table of ${bytes} bytes, expected at most ${this.limitBytes}`);
    }
    this.sizeBytes = bytes;
    this.shrinkTo(bytes);
  }

  private shrinkTo(bytes: number): void {
    const table = this.table;
    if (table === undefined) return;
    while (this.tableBytes > bytes) {
      const oldest = table.pop();
      if (oldest === undefined) break;
      this.tableBytes -= bytesOf(oldest);
    }
    if (table.length === 0) this.table = undefined;
  }
}

function bytesOf(field: HeaderField): number {
  return field[0].length + field[1].length + ENTRY_OVERHEAD_BYTES;
}

class BlockReader {
  /** Where the next octet is. */
  at = 0;

  constructor(private readonly block: Buffer) {}

  /** `mask` has the bits of its first octet that belong to it. */
  integer(mask: number): number {
    const octet = this.block[this.at];
    if (octet === undefined) throw endsEarly();
    this.at += 1;
    const value = octet & mask;
    return value < mask ? value : this.long(value);
  }

  string(): string {
    const { block } = this;
    const isHuffman = (block[this.at] ?? 0) >= 0x80;
    const length = this.integer(0x7f);
    const end = this.at + length;
    if (end > block.length) throw new RangeError('hpack: got a string that ends behind its block');
    const start = this.at;
    this.at = end;
    return isHuffman ? decodeHuffman(block.subarray(start, end)) : block.toString('latin1', start, end);
  }

  /** The rest of an integer whose first octet has no room for it. */
  private long(prefix: number): number {
    let value = prefix;
    for (let scale = 1; ; scale *= 0x80) {
      const octet = this.block[this.at];
      if (octet === undefined) throw endsEarly();
      this.at += 1;
      value += (octet & 0x7f) * scale;
      // A block is read whole, so no length in it can be above its own.
      if (value > 2 ** 24) throw new RangeError('hpack: got an integer above 2^24');
      if (octet < 0x80) return value;
    }
  }
}

function endsEarly(): RangeError {
  return new RangeError('hpack: got a block that ends within a field');
}
