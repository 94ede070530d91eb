import { writeAscii } from '../../../text/index.js';
import { type HeaderField, STATIC_TABLE } from './header-table.js';

/**
 * The first value of a field, as it came. By index: of thousands of peers at once each asks for it when this has hardly
 * run yet, and each step of an iterator is an object then.
 */
export function fieldValue(fields: readonly HeaderField[], name: string): string | undefined {
  for (let index = 0; index < fields.length; index += 1) if (fields[index]?.[0] === name) return fields[index]?.[1];
  return undefined;
}

/** Where each name stands first in it. */
const FIRST_INDEX = new Map<string, number>();
for (const [at, [name]] of STATIC_TABLE.entries()) if (!FIRST_INDEX.has(name)) FIRST_INDEX.set(name, at + 1);

/** A field that stands in a table. (RFC 7541 §6.1) */
const INDEXED = 0x80;

/** A literal that is put into no table. (RFC 7541 §6.2.2) */
const LITERAL = 0x00;

/** The same, with the order never to put it into one: for tokens. (RFC 7541 §6.2.3) */
const NEVER_INDEXED = 0x10;

/**
 * What a literal takes besides its text: its kind and the lengths of both strings. No integer of ours is above 2^28.
 */
const MAX_LITERAL_OVERHEAD_BYTES = 1 + 5 + 5;

const NOTHING = Buffer.alloc(0);

/**
 * Writes a header block that refers to the static table alone: it needs no state of the connection, so it can be made
 * once for thousands. `before` is such a block, which the fields come behind.
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
