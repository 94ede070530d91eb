/** The two wire types that discovery requests need. (Protocol Buffers, "Encoding") */
const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** Base 128, least significant group first. */
function varint(value: number): number[] {
  const octets: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) octets.push((rest & 0x7f) | 0x80);
  return [...octets, rest];
}

/** A field that holds text, bytes or a message. */
export function field(number: number, value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([fieldHead(number, bytes.length), bytes]);
}

/** What comes before the content of such a field. */
export function fieldHead(number: number, length: number): Buffer {
  return Buffer.from([...varint(number * 8 + LENGTH_DELIMITED), ...varint(length)]);
}

/** A field that holds a number. */
export function numberField(number: number, value: number): Buffer {
  return Buffer.from([...varint(number * 8 + VARINT), ...varint(value)]);
}
