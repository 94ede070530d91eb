import { writeAscii } from '../http2/index.js';

/** Of a length in base 128; none of ours is above 256 MiB. (Protocol Buffers, "Encoding") */
function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x20_0000 ? 3 : 4;
}

/** A whole length-delimited field whose content has so many bytes. */
export function fieldBytes(contentBytes: number): number {
  return 1 + varintBytes(contentBytes) + contentBytes;
}

/** A whole field with a text. */
export function textFieldBytes(text: string): number {
  return fieldBytes(Buffer.byteLength(text));
}

/**
 * Writes length-delimited fields into memory that has just the room for them. By hand, since each of thousands of pods has a
 * response of its own: with the writer of protobuf.js and a buffer for each part that takes seven times as many calls.
 */
export class WireWriter {
  #at: number;

  constructor(
    private readonly bytes: Buffer,
    start = 0,
  ) {
    this.#at = start;
  }

  /** What was encoded before. */
  put(part: Uint8Array): void {
    this.bytes.set(part, this.#at);
    this.#at += part.length;
  }

  /** Begins a field; its content, which so many bytes belong to, comes next. `key` is its number and wire type. */
  begin(key: number, contentBytes: number): void {
    const { bytes } = this;
    let at = this.#at;
    bytes[at] = key;
    at += 1;
    let rest = contentBytes;
    for (; rest >= 0x80; rest >>>= 7) {
      bytes[at] = (rest & 0x7f) | 0x80;
      at += 1;
    }
    bytes[at] = rest;
    this.#at = at + 1;
  }

  text(key: number, text: string): void {
    const byteCount = Buffer.byteLength(text);
    this.begin(key, byteCount);
    this.#at =
      byteCount === text.length ? writeAscii(this.bytes, text, this.#at) : this.#at + this.bytes.write(text, this.#at);
  }
}
