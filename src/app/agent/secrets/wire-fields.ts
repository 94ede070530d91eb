/**
 * A protobuf message as a tree of its fields. (Protocol Buffers, "Encoding") By hand, because some of them hold keys: the
 * tree is written into one buffer of its own, without a copy on the way that nobody wipes.
 */
export interface WireField {
  readonly number: number;
  /** Bytes as they are, a text, a message, or a number (of at most 53 bits, written as a varint). */
  readonly value: Uint8Array | string | readonly WireField[] | number;
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** Field number 1 … 15: the key then is one byte. More is not asked of us. */
const MAX_FIELD_NUMBER = 15;

/** The message, in memory of its own, which may be wiped. Fields stand in the order given. */
export function encodeMessage(fields: readonly WireField[]): Buffer {
  const message = Buffer.allocUnsafeSlow(messageLength(fields));
  writeMessage(message, 0, fields);
  return message;
}

/**
 * The content of the only field `number` of a message that we have written ourselves, as a view into it.
 * @throws RangeError when it is not there: a mistake of ours.
 */
export function fieldContent(message: Buffer, number: number): Buffer {
  for (let at = 0; at < message.length; ) {
    const key = message.readUInt8(at);
    const { value: length, end: start } = readVarint(message, at + 1);
    const isDelimited = (key & 7) === LENGTH_DELIMITED;
    const end = isDelimited ? start + length : start;
    if (isDelimited && key >> 3 === number) return message.subarray(start, end);
    at = end;
  }
  throw new RangeError(`message: got no field ${number}, expected one`);
}

function messageLength(fields: readonly WireField[]): number {
  return fields.reduce((sum, { value }) => {
    if (typeof value === 'number') return sum + 1 + varintLength(value);
    const length = contentLength(value);
    return sum + 1 + varintLength(length) + length;
  }, 0);
}

function contentLength(value: Exclude<WireField['value'], number>): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  return value instanceof Uint8Array ? value.length : messageLength(value);
}

function writeMessage(target: Buffer, offset: number, fields: readonly WireField[]): number {
  let at = offset;
  for (const { number, value } of fields) {
    if (number > MAX_FIELD_NUMBER) throw new RangeError(`field number: got ${number}, expected at most 15`);
    if (typeof value === 'number') {
      at = writeVarint(target, target.writeUInt8((number << 3) | VARINT, at), value);
      continue;
    }
    at = writeVarint(target, target.writeUInt8((number << 3) | LENGTH_DELIMITED, at), contentLength(value));
    if (typeof value === 'string') at += target.write(value, at);
    else if (value instanceof Uint8Array) {
      target.set(value, at);
      at += value.length;
    } else at = writeMessage(target, at, value);
  }
  return at;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) length += 1;
  return length;
}

function writeVarint(target: Buffer, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) at = target.writeUInt8((rest % 128) | 0x80, at);
  return target.writeUInt8(rest, at);
}

function readVarint(source: Buffer, offset: number): { value: number; end: number } {
  let value = 0;
  for (let at = offset, factor = 1; ; at += 1, factor *= 128) {
    const byte = source.readUInt8(at);
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return { value, end: at + 1 };
  }
}
