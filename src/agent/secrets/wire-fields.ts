import { fieldSizeBytes, varintBytes, WireReader, WireWriter } from '../../net/protobuf/index.js';

/**
 * A protobuf message as a tree of its fields. (Protocol Buffers, "Encoding") By hand, because some of them hold keys:
 * the tree is written into one buffer of its own, without a copy on the way that is never wiped.
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
  writeMessage(new WireWriter(message), fields);
  return message;
}

/**
 * The content of the only field `number` of a message that we have written ourselves, as a view into it.
 * @throws RangeError when it is not there: a mistake of ours.
 */
export function fieldContent(message: Buffer, number: number): Buffer {
  const content = findFieldContent(message, number);
  if (content === undefined) throw new RangeError(`message: got no field ${number}, expected one`);
  return content;
}

/** The same of a field that may be missing. */
export function findFieldContent(message: Buffer, number: number): Buffer | undefined {
  const reader = new WireReader(message);
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === number) return reader.value();
  }
  return undefined;
}

function messageLength(fields: readonly WireField[]): number {
  return fields.reduce(
    (sum, { value }) =>
      sum + (typeof value === 'number' ? 1 + varintBytes(value) : fieldSizeBytes(contentLength(value))),
    0,
  );
}

function contentLength(value: Exclude<WireField['value'], number>): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  return value instanceof Uint8Array ? value.length : messageLength(value);
}

function writeMessage(writer: WireWriter, fields: readonly WireField[]): void {
  for (const { number, value } of fields) {
    if (number > MAX_FIELD_NUMBER) throw new RangeError(`field number: got ${number}, expected at most 15`);
    const key = number << 3;
    if (typeof value === 'number') {
      writer.head(key | VARINT, value);
    } else if (typeof value === 'string') {
      writer.text(key | LENGTH_DELIMITED, value);
    } else {
      writer.head(key | LENGTH_DELIMITED, contentLength(value));
      if (value instanceof Uint8Array) writer.put(value);
      else writeMessage(writer, value);
    }
  }
}
