import { writeAscii } from '../../text/index.js';

/** Of a number in base 128, least significant group first; of 53 bits at most. (Protocol Buffers, "Encoding") */
export function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count += 1;
  return count;
}

/** A whole length-delimited field whose content has so many bytes. */
export function fieldSizeBytes(contentBytes: number): number {
  return 1 + varintBytes(contentBytes) + contentBytes;
}

/** A whole field with a text. */
export function textFieldBytes(text: string): number {
  return fieldSizeBytes(Buffer.byteLength(text));
}

/**
 * Writes fields into memory that has just the room for them. By hand, since each of thousands of pods has a
 * response of its own: with the writer of protobuf.js and a buffer for each part that takes seven times as many calls.
 */
export class WireWriter {
  private at: number;

  constructor(
    private readonly bytes: Buffer,
    start = 0,
  ) {
    this.at = start;
  }

  /** What was encoded before. */
  put(part: Uint8Array): void {
    this.bytes.set(part, this.at);
    this.at += part.length;
  }

  /**
   * A key, the number and wire type of a field, and what stands behind it: its value when that is a number, of 53 bits
   * at most; else how many bytes its content has, which comes next.
   */
  head(key: number, value: number): void {
    const { bytes } = this;
    let at = this.at;
    bytes[at] = key;
    at += 1;
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
      bytes[at] = (rest % 0x80) | 0x80;
      at += 1;
    }
    bytes[at] = rest;
    this.at = at + 1;
  }

  text(key: number, text: string): void {
    const byteCount = Buffer.byteLength(text);
    this.head(key, byteCount);
    this.at =
      byteCount === text.length ? writeAscii(this.bytes, text, this.at) : this.at + this.bytes.write(text, this.at);
  }
}
