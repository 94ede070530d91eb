const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BASE64_CODES = Buffer.from(BASE64, 'latin1');
const PADDING = 0x3d;

/** What a first secret takes. */
const FIRST_BYTES = 8192;

/**
 * Writes JSON as bytes into memory of its own, because a string that holds a key can never be wiped: what it outgrows
 * is wiped at once, the rest by the caller that took it.
 */
export class JsonWriter {
  private bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  private length = 0;

  /** Text that is JSON already. */
  raw(json: string): this {
    const bytes = Buffer.byteLength(json);
    this.reserve(bytes);
    this.length += this.bytes.write(json, this.length);
    return this;
  }

  /** A text as a JSON string. */
  text(value: string): this {
    return this.raw(JSON.stringify(value));
  }

  /** Bytes as a JSON string of base64. (ProtoJSON, "bytes") */
  base64(value: Uint8Array): this {
    this.raw('"').reserve(4 * Math.ceil(value.length / 3));
    for (let at = 0; at < value.length; at += 3) {
      const [first = 0, second, third] = [value[at], value[at + 1], value[at + 2]];
      const bits = (first << 16) | ((second ?? 0) << 8) | (third ?? 0);
      this.push(BASE64_CODES[bits >> 18]);
      this.push(BASE64_CODES[(bits >> 12) & 63]);
      this.push(second === undefined ? PADDING : BASE64_CODES[(bits >> 6) & 63]);
      this.push(third === undefined ? PADDING : BASE64_CODES[bits & 63]);
    }
    return this.raw('"');
  }

  /** What has been written; the caller's from now on, to be wiped when it is sent. */
  finish(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  private push(byte: number | undefined): void {
    this.bytes[this.length] = byte ?? PADDING;
    this.length += 1;
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.length + bytes));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes.fill(0);
    this.bytes = larger;
  }
}
