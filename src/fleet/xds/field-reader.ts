/**
 * Walks the fields of one protobuf message without allocating: thousands of responses are read by one of these.
 * After {@link next} the field is `number`; of a length-delimited one the content is `start` to `end`.
 */
export class FieldReader {
  number = 0;
  start = 0;
  end = 0;
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;
  private limit = 0;

  /** Begins with the message from `start` to `end`. */
  reset(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.limit = end;
  }

  /**
   * Goes to the next length-delimited field; others are skipped. False at the end.
   * @throws RangeError when the message does not parse.
   */
  next(): boolean {
    while (this.at < this.limit) {
      const tag = this.varint();
      switch (tag & 7) {
        case 0:
          this.varint();
          break;
        case 1:
          this.at += 8;
          break;
        case 2: {
          const length = this.varint();
          this.number = tag >>> 3;
          this.start = this.at;
          this.end = this.at + length;
          if (this.end > this.limit) throw new RangeError('protobuf: got a field that ends behind its message');
          this.at = this.end;
          return true;
        }
        case 5:
          this.at += 4;
          break;
        default:
          throw new RangeError(`protobuf: got wire type ${tag & 7}`);
      }
    }
    return false;
  }

  /** Numbers above 2^53 lose their low bits: none that we read is one. */
  private varint(): number {
    const first = this.bytes[this.at] ?? 0x80;
    if (first < 0x80 && this.at < this.limit) {
      this.at += 1;
      return first;
    }
    let value = 0;
    for (let scale = 1; scale < 2 ** 64; scale *= 0x80) {
      const octet = this.bytes[this.at];
      if (octet === undefined || this.at >= this.limit) throw new RangeError('protobuf: got a cut varint');
      this.at += 1;
      value += (octet & 0x7f) * scale;
      if (octet < 0x80) return value;
    }
    throw new RangeError('protobuf: got a varint above ten octets');
  }
}
