/** What a text may hold to be parsed at all: far above what honest peers send. */
export interface JsonBounds {
  /** Arrays and objects within each other. */
  readonly maxDepth: number;
  /** Members and elements, about: the commas, colons and opening brackets that stand in no string. */
  readonly maxParts: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const ARRAY_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;

/**
 * The value of a JSON text in UTF-8. Its size says little of what it costs: of a megabyte of brackets `JSON.parse`
 * makes 300 ms of work, and of one of names 8. So brackets and parts are counted first, which takes a millisecond for
 * each megabyte.
 * @throws RangeError beyond the bounds; SyntaxError when it is no JSON. The message of the latter quotes the text.
 */
export function parseBoundedJson(bytes: Buffer, bounds: JsonBounds): unknown {
  if (bytes.length > bounds.maxParts) {
    throwIfTooMuch(bytes, bounds);
    return JSON.parse(bytes.toString('utf8'));
  }
  // Nearly all tokens: each part takes an octet, so that there cannot be too many.
  const text = bytes.toString('utf8');
  if (!isFlat(text, bounds.maxDepth)) throwIfTooMuch(bytes, bounds);
  return JSON.parse(text);
}

/**
 * Whether a text has no more opening brackets than there may be levels. To look for them is far quicker than to look at
 * each octet.
 */
function isFlat(text: string, maxDepth: number): boolean {
  let left = maxDepth;
  for (const bracket of '[{') {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      left -= 1;
      if (left < 0) return false;
    }
  }
  return true;
}

function throwIfTooMuch(bytes: Buffer, { maxDepth, maxParts }: JsonBounds): void {
  let depth = 0;
  let parts = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case QUOTE:
        at = endOfString(bytes, at + 1);
        break;
      case ARRAY:
      case OBJECT:
        depth += 1;
        parts += 1;
        if (depth > maxDepth) throw new RangeError(`got more than ${maxDepth} levels of JSON`);
        break;
      case ARRAY_END:
      case OBJECT_END:
        depth -= 1;
        break;
      case COMMA:
      case COLON:
        parts += 1;
        break;
      default:
        break;
    }
    if (parts > maxParts) throw new RangeError(`got more than ${maxParts} parts of JSON`);
  }
}

/** Where the quote is that ends a string, or the end of the text: then it is no JSON. */
function endOfString(bytes: Buffer, start: number): number {
  let at = start;
  for (; at < bytes.length && bytes[at] !== QUOTE; at += 1) if (bytes[at] === BACKSLASH) at += 1;
  return at;
}
