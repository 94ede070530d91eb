/**
 * Secrets as JSON, by bytes: their data may be private keys, and what `JSON.parse` makes of them are strings, which can
 * neither be wiped nor be kept off the heap's copies.
 */
import { decodeBase64, writeBase64 } from '../../text/index.js';
import { unfit } from './resource.js';

/** What of a Secret is data, each in memory of its own: wipe what is a key. */
export type SecretData = ReadonlyMap<string, Buffer>;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const ARRAY = 0x5b;
const ARRAY_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;

/** What stands in place of each character that was taken. */
const FILLER = 0x41;

/**
 * Takes the data out of a Secret in JSON: the characters that spelled it are overwritten there. (core/v1 Secret)
 * @throws IdentityError `ERR_KUBERNETES_RESPONSE_INVALID`: `body` is no JSON object, or its data is not in base64.
 */
export function takeSecretData(body: Buffer): SecretData {
  const reader = new JsonReader(body);
  const data = new Map<string, Buffer>();
  reader.members((key) => {
    if (key !== 'data' || !reader.isAt(OBJECT)) {
      reader.skipValue();
      return;
    }
    reader.members((name) => {
      const encoded = reader.string();
      const octets = encoded.length === 0 ? Buffer.alloc(0) : decodeBase64(encoded);
      if (octets === undefined) throw unfit(`data ${name} of a secret`, 'no base64', 'base64');
      encoded.fill(FILLER);
      data.set(name, octets);
    });
  });
  return data;
}

/**
 * The object in JSON, with `data` as its last member; in a merge patch `removed` are the names of data that goes.
 * `fields` have no such member. Wipe the result.
 */
export function encodeSecret(fields: object, data: SecretData, removed: readonly string[] = []): Buffer {
  const head = `${JSON.stringify(fields).slice(0, -1)},"data":{`;
  const names = [...data.keys()].map((name, index) => `${index === 0 ? '' : ','}${JSON.stringify(name)}:"`);
  const values = [...data.values()];
  const valuesLength = values.reduce((sum, value) => sum + Math.ceil(value.length / 3) * 4 + 1, 0);
  const nulls = removed.map((name) => `${JSON.stringify(name)}:null`);
  const tail = `${data.size > 0 && nulls.length > 0 ? ',' : ''}${nulls.join(',')}}}`;
  const body = Buffer.alloc(Buffer.byteLength(head + names.join('') + tail) + valuesLength);
  let at = body.write(head);
  values.forEach((value, index) => {
    at += body.write(names[index] ?? '', at);
    at = writeBase64(body, at, value);
    body[at++] = QUOTE;
  });
  body.write(tail, at);
  return body;
}

/** Goes through a JSON text without making strings of its values. */
class JsonReader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  isAt(octet: number): boolean {
    return this.next() === octet;
  }

  /** Of the object at this place, each member: `read` is called at its value, and goes beyond it. */
  members(read: (name: string) => void): void {
    this.expect(OBJECT);
    if (this.isAt(OBJECT_END)) {
      this.at += 1;
      return;
    }
    for (;;) {
      const name = this.string().toString('utf8');
      this.expect(COLON);
      read(name);
      if (this.isAt(COMMA)) this.at += 1;
      else break;
    }
    this.expect(OBJECT_END);
  }

  /** What stands between the quotes, as it is: a view. */
  string(): Buffer {
    this.expect(QUOTE);
    const start = this.at;
    for (; this.at < this.bytes.length && this.bytes[this.at] !== QUOTE; this.at += 1) {
      if (this.bytes[this.at] === BACKSLASH) this.at += 1;
    }
    this.expect(QUOTE);
    return this.bytes.subarray(start, this.at - 1);
  }

  /** By its brackets alone: `JSON.parse` says later whether all of it is right. */
  skipValue(): void {
    let depth = 0;
    do {
      switch (this.next()) {
        case undefined:
          throw cut();
        case QUOTE:
          this.string();
          break;
        case ARRAY:
        case OBJECT:
          depth += 1;
          this.at += 1;
          break;
        case ARRAY_END:
        case OBJECT_END:
          depth -= 1;
          this.at += 1;
          break;
        default:
          this.at += 1;
      }
    } while (depth > 0);
    // Of a number or a literal the rest.
    while (!this.isAtEndOfValue()) this.at += 1;
  }

  private isAtEndOfValue(): boolean {
    const octet = this.next();
    return octet === undefined || octet === COMMA || octet === OBJECT_END || octet === ARRAY_END;
  }

  /** The next octet that is no white space. */
  private next(): number | undefined {
    while (isSpace(this.bytes[this.at])) this.at += 1;
    return this.bytes[this.at];
  }

  private expect(octet: number): void {
    if (this.next() !== octet) throw cut();
    this.at += 1;
  }
}

function isSpace(octet: number | undefined): boolean {
  return octet === 0x20 || octet === 0x0a || octet === 0x0d || octet === 0x09;
}

function cut(): Error {
  return unfit('a secret', 'bytes that are no JSON object', 'one');
}
