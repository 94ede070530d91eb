import { isUtf8 } from 'node:buffer';

/** The low three bits of a field's key. (Protocol Buffers, "Message Structure") */
const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/** 64 bits in groups of seven. */
const MAX_VARINT_BYTES = 10;

/**
 * Goes through the fields of a protobuf message without making an object of it: of thousands of requests only a few
 * short fields matter. Every step checks its bounds. (Protocol Buffers, "Encoding")
 */
export class WireReader {
  private readonly bytes: Buffer;
  /** Where the next field begins. */
  private at = 0;
  /** Of the value of this field: the bytes of a length-delimited one; of all other kinds none. */
  private start = 0;
  private end = 0;
  private type = VARINT;
  #number = 0;
  private high = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Goes to the next field and gives its number, 0 at the end of the message. @throws RangeError: it is no message. */
  next(): number {
    const bytes = this.bytes;
    if (this.at === bytes.length) return 0;
    const key = this.varint();
    const field = key >>> 3;
    if (field === 0) throw new RangeError('field number 0');
    this.start = this.at;
    const type = key & 7;
    this.type = type;
    if (type === LENGTH_DELIMITED) {
      const length = this.varint();
      this.start = this.at;
      this.at += length;
    } else if (type === VARINT) {
      this.high = 0;
      this.#number = this.varint();
      this.start = this.at;
    } else if (type === FIXED_64) {
      this.at += 8;
      this.start = this.at;
    } else if (type === FIXED_32) {
      this.at += 4;
      this.start = this.at;
    } else {
      throw new RangeError('unknown wire type');
    }
    this.end = this.at;
    if (this.at > bytes.length) throw new RangeError('the message ends within a field');
    return field;
  }

  /** Whether the value is bytes, a text or a message. */
  get isDelimited(): boolean {
    return this.type === LENGTH_DELIMITED;
  }

  /** The value, as a part of the message's own memory. */
  value(): Buffer {
    return this.bytes.subarray(this.start, this.end);
  }

  /** The value as text. @throws RangeError: it is not UTF-8. */
  text(): string {
    // Names and nonces are ASCII, and reading that as Latin-1 takes half the time.
    if (this.isAscii()) return this.bytes.toString('latin1', this.start, this.end);
    if (!isUtf8(this.value())) throw new RangeError('text that is not UTF-8');
    return this.bytes.toString('utf8', this.start, this.end);
  }

  /** The low 32 bits of the value, when it is a varint. */
  get number(): number {
    return this.#number;
  }

  /** The value of an int64, when it is a varint: not exact beyond 2^53. */
  get int64(): number {
    return this.high * 2 ** 32 + this.#number;
  }

  /** Whether the value is this text, of ASCII: without making a text of it. */
  isText(expected: string): boolean {
    if (this.end - this.start !== expected.length) return false;
    for (let at = 0; at < expected.length; at += 1) {
      const byte = this.bytes[this.start + at] ?? 0;
      if (byte >= 0x80 || byte !== expected.charCodeAt(at)) return false;
    }
    return true;
  }

  /** Whether the value is these very bytes. */
  is(expected: Uint8Array): boolean {
    return this.bytes.compare(expected, 0, expected.length, this.start, this.end) === 0;
  }

  /** Bytes of the value. */
  get length(): number {
    return this.end - this.start;
  }

  private isAscii(): boolean {
    for (let at = this.start; at < this.end; at += 1) if ((this.bytes[at] ?? 0) >= 0x80) return false;
    return true;
  }

  /** The low 32 bits of a varint: keys have no more, and a message is never as long. Nearly all are one byte. */
  private varint(): number {
    const first = this.bytes[this.at];
    if (first === undefined || first >= 0x80) return this.longVarint();
    this.at += 1;
    return first;
  }

  private longVarint(): number {
    let low = 0;
    let high = 0;
    for (let count = 0; count < MAX_VARINT_BYTES; count += 1) {
      const byte = this.bytes[this.at];
      if (byte === undefined) throw new RangeError('the message ends within a number');
      this.at += 1;
      const group = byte & 0x7f;
      if (count < 4) {
        low |= group << (7 * count);
      } else if (count === 4) {
        low |= group << 28;
        high = group >>> 4;
      } else {
        high |= group << (7 * count - 32);
      }
      if (byte >= 0x80) continue;
      this.high = high;
      return low >>> 0;
    }
    throw new RangeError('a number of more than 64 bits');
  }
}
