import { IdentityError } from '../../../errors/index.js';
import { WireReader } from '../../../net/protobuf/index.js';
import type { JsonWriter } from './json-writer.js';
import type { FieldSchema, MessageSchema } from './secret-schema.js';

/** A field's value as the wire has it: bytes of its own memory, or the number of a varint. */
interface WireValue {
  readonly bytes: Buffer;
  readonly number: number;
}

/** Fields of an Any, of a map's entry, of a wrapped number and of a Duration. (google.protobuf) */
const TYPE_URL = 1;
const ANY_VALUE = 2;
const ENTRY_KEY = 1;
const ENTRY_VALUE = 2;
const WRAPPED = 1;
const SECONDS = 1;
const NANOS = 2;

/**
 * Writes the fields of a serialised message as the members of a JSON object, after `separator` when there is one.
 * (Protocol Buffers, "ProtoJSON Format")
 * @throws IdentityError `ERR_INTERNAL`: there is something in it that the schema has no JSON for. What is left out of a
 * secret may be what makes it safe.
 */
export function writeMembers(writer: JsonWriter, bytes: Buffer, schema: MessageSchema, separator = ''): void {
  let between = separator;
  for (const [number, values] of readFields(bytes)) {
    const field = schema.fields[number];
    if (field === undefined) throw without(`field ${number} of ${schema.name}`);
    writer.raw(between).text(field.json).raw(':');
    writeField(writer, values, field);
    between = ',';
  }
}

function writeField(writer: JsonWriter, values: readonly WireValue[], field: FieldSchema): void {
  const [first, ...others] = values;
  switch (field.shape) {
    case 'one':
      if (first === undefined || others.length > 0) throw without(`${values.length} times ${field.json}`);
      writeValue(writer, first, field);
      return;
    case 'list':
      writer.raw('[');
      writeAll(writer, values, (value) => writeValue(writer, value, field));
      writer.raw(']');
      return;
    case 'map':
      writer.raw('{');
      writeAll(writer, values, ({ bytes }) => {
        const entry = readFields(bytes);
        writer.text(firstBytes(entry, ENTRY_KEY).toString()).raw(':');
        writeValue(writer, { bytes: firstBytes(entry, ENTRY_VALUE), number: 0 }, field);
      });
      writer.raw('}');
      return;
    default:
      field.shape satisfies never;
  }
}

function writeAll(writer: JsonWriter, values: readonly WireValue[], write: (value: WireValue) => void): void {
  for (const [index, value] of values.entries()) {
    if (index > 0) writer.raw(',');
    write(value);
  }
}

function writeValue(writer: JsonWriter, { bytes, number }: WireValue, { json, type }: FieldSchema): void {
  switch (type) {
    case 'text':
      writer.text(bytes.toString());
      return;
    case 'bytes':
      writer.base64(bytes);
      return;
    case 'bool':
      writer.raw(String(number !== 0));
      return;
    case 'number':
      writer.raw(String(number));
      return;
    case 'wrapped-bool':
      writer.raw(String(firstNumber(readFields(bytes), WRAPPED) !== 0));
      return;
    case 'wrapped-number':
      writer.raw(String(firstNumber(readFields(bytes), WRAPPED)));
      return;
    case 'duration':
      writer.text(durationText(readFields(bytes)));
      return;
  }
  if ('values' in type) {
    const name = type.values[number];
    if (name === undefined) throw without(`${json} ${number}`);
    writer.text(name);
    return;
  }
  writer.raw('{');
  if ('fields' in type) {
    writeMembers(writer, bytes, type);
  } else {
    const any = readFields(bytes);
    const typeUrl = firstBytes(any, TYPE_URL).toString();
    const schema = type.types[typeUrl];
    if (schema === undefined) throw without(`type ${typeUrl}`);
    writer.raw('"@type":').text(typeUrl);
    writeMembers(writer, firstBytes(any, ANY_VALUE), schema, ',');
  }
  writer.raw('}');
}

/** All fields by number, in the order in which they first come. @throws RangeError: it is no message. */
function readFields(bytes: Buffer): Map<number, WireValue[]> {
  const fields = new Map<number, WireValue[]>();
  const reader = new WireReader(bytes);
  for (let number = reader.nextOfAnyType(); number !== 0; number = reader.nextOfAnyType()) {
    const value = { bytes: reader.value(), number: reader.number };
    const known = fields.get(number);
    if (known === undefined) fields.set(number, [value]);
    else known.push(value);
  }
  return fields;
}

function firstBytes(fields: ReadonlyMap<number, readonly WireValue[]>, number: number): Buffer {
  return fields.get(number)?.[0]?.bytes ?? Buffer.alloc(0);
}

function firstNumber(fields: ReadonlyMap<number, readonly WireValue[]>, number: number): number {
  return fields.get(number)?.[0]?.number ?? 0;
}

/** Seconds with as many digits after the point as they need; ours are neither negative nor beyond 32 bits. */
function durationText(fields: ReadonlyMap<number, readonly WireValue[]>): string {
  const fraction = String(firstNumber(fields, NANOS)).padStart(9, '0').replace(/0+$/, '');
  const seconds = String(firstNumber(fields, SECONDS));
  return `${fraction === '' ? seconds : `${seconds}.${fraction}`}s`;
}

function without(what: string): IdentityError {
  return new IdentityError('ERR_INTERNAL', `secret: got ${what}, which has no JSON here`);
}
