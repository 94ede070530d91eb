import { isUtf8 } from 'node:buffer';

/** The low three bits of a field's tag. (Protocol Buffers, "Message Structure") */
const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const GROUP_START = 3;
const GROUP_END = 4;
const FIXED_32 = 5;

/** 64 bits in groups of seven. */
const MAX_VARINT_BYTES = 10;

/** A tag has 32 bits: a field number of 29, and the type. */
const MAX_TAG_BYTES = 5;

/** Groups within groups: as many as the libraries of Google and protobuf.js take. */
const MAX_GROUP_DEPTH = 100;

const NOTHING = Buffer.alloc(0);

/**
 * Goes through the fields of a protobuf message without making an object of it: of thousands of requests only a few
 * short fields matter. Every step checks its bounds. What is unknown is skipped, whatever its wire type is, groups too;
 * so is a field that comes with another type than the one it has, as the official libraries do it. (Protocol Buffers,
 * "Encoding")
 */
export class WireReader {
  private bytes: Buffer;
  /** Where the next field begins. */
  private at: number;
  /** Where the message ends. */
  private limit: number;
  /** Of the value of this field: the bytes of a length-delimited one; of all other kinds none. */
  #start = 0;
  #end = 0;
  private type = VARINT;
  #number = 0;
  private high = 0;

  constructor(bytes: Buffer = NOTHING) {
    this.bytes = bytes;
    this.at = 0;
    this.limit = bytes.length;
  }

  /** Begins with the message that is `bytes` from `start` to `end`. */
  reset(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.limit = end;
  }

  /**
   * Goes to the next field whose value is bytes, a text or a message, and gives its number, 0 at the end of the
   * message.
   * @throws RangeError: it is no message.
   */
  next(): number {
    for (;;) {
      const field = this.nextOfAnyType();
      if (field === 0 || this.type === LENGTH_DELIMITED) return field;
    }
  }

  /**
   * The same with fields of all types but groups: look at {@link isDelimited} or {@link isVarint}. @throws RangeError
   */
  nextOfAnyType(): number {
    for (;;) {
      if (this.at === this.limit) return 0;
      const tag = this.tag();
      const type = tag & 7;
      if (type === GROUP_START) {
        this.skipGroup(tag >>> 3);
        continue;
      }
      this.type = type;
      this.readValue();
      return tag >>> 3;
    }
  }

  /** Where the value begins in the memory that is read. */
  get start(): number {
    return this.#start;
  }

  /** Where it ends. */
  get end(): number {
    return this.#end;
  }

  /** Whether the value is bytes, a text or a message. */
  get isDelimited(): boolean {
    return this.type === LENGTH_DELIMITED;
  }

  /** Whether the value is an integer, an enum or a bool. */
  get isVarint(): boolean {
    return this.type === VARINT;
  }

  /** The value, as a part of the message's own memory. */
  value(): Buffer {
    return this.bytes.subarray(this.#start, this.#end);
  }

  /** The value as text. @throws RangeError: it is not UTF-8. */
  text(): string {
    // Names and nonces are ASCII, and reading that as Latin-1 takes half the time.
    if (this.isAscii()) return this.bytes.toString('latin1', this.#start, this.#end);
    if (!isUtf8(this.value())) throw new RangeError('text that is not UTF-8');
    return this.bytes.toString('utf8', this.#start, this.#end);
  }

  /** The low 32 bits of the value, when it is a varint. */
  get number(): number {
    return this.#number;
  }

  /** The value of an int64, when it is a varint: not exact beyond 2^53. */
  get int64(): number {
    return this.high * 2 ** 32 + this.#number;
  }

  /** Whether the value is these very bytes. */
  is(expected: Uint8Array): boolean {
    return this.bytes.compare(expected, 0, expected.length, this.#start, this.#end) === 0;
  }

  /** Bytes of the value. */
  get length(): number {
    return this.#end - this.#start;
  }

  private isAscii(): boolean {
    for (let at = this.#start; at < this.#end; at += 1) if ((this.bytes[at] ?? 0) >= 0x80) return false;
    return true;
  }

  /** Goes over the value of a field of `this.type`, which is no group. */
  private readValue(): void {
    switch (this.type) {
      case VARINT:
        this.#number = this.varint();
        this.#start = this.at;
        break;
      case FIXED_64:
        this.#start = this.at + 8;
        this.at += 8;
        break;
      case LENGTH_DELIMITED: {
        const length = this.varint();
        // 2^32 and more are no length of 0 and more, though their low bits say so.
        if (this.high !== 0) throw new RangeError('a length of more than 32 bits');
        this.#start = this.at;
        this.at += length;
        break;
      }
      case FIXED_32:
        this.#start = this.at + 4;
        this.at += 4;
        break;
      default:
        throw new RangeError(this.type === GROUP_END ? 'the end of a group that never began' : 'unknown wire type');
    }
    this.#end = this.at;
    if (!(this.at <= this.limit)) throw new RangeError('the message ends within a field');
  }

  /** Goes behind the group of field `outermost`, whose start has been read. Each end names the field of its start. */
  private skipGroup(outermost: number): void {
    const open = [outermost];
    while (open.length > 0) {
      if (open.length > MAX_GROUP_DEPTH) throw new RangeError(`more than ${MAX_GROUP_DEPTH} groups within each other`);
      const tag = this.tag();
      const type = tag & 7;
      if (type === GROUP_START) {
        open.push(tag >>> 3);
      } else if (type === GROUP_END) {
        if (open.pop() !== tag >>> 3) throw new RangeError('the end of another group than the last that began');
      } else {
        this.type = type;
        this.readValue();
      }
    }
  }

  /** A field number and a type, as 32 bits. @throws RangeError: it has more, or the number is 0. */
  private tag(): number {
    const before = this.at;
    const tag = this.varint();
    if (this.high !== 0 || this.at - before > MAX_TAG_BYTES)
      throw new RangeError('a field number of more than 29 bits');
    if (tag < 8) throw new RangeError('field number 0');
    return tag;
  }

  /** The low 32 bits of a varint; what is above them is `high`. Nearly all are one byte. */
  private varint(): number {
    const first = this.at < this.limit ? this.bytes[this.at] : undefined;
    if (first === undefined || first >= 0x80) return this.longVarint();
    this.at += 1;
    this.high = 0;
    return first;
  }

  private longVarint(): number {
    let low = 0;
    let high = 0;
    for (let count = 0; count < MAX_VARINT_BYTES; count += 1) {
      const byte = this.at < this.limit ? this.bytes[this.at] : undefined;
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
