/**
 * Base64 (RFC 4648 §4) by table from Buffer to Buffer: a string can neither be wiped nor be kept off the heap's copies.
 */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The code of each of the 64 characters. */
const CHARACTERS = Buffer.from(ALPHABET, 'latin1');

const PAD = 0x3d;

const NOT_BASE64 = 0xff;
const SPACE = 0xfe;

/** The value of each octet as a base64 character. */
const VALUES = valuesOf(ALPHABET);

function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(256).fill(NOT_BASE64);
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
  for (const space of '\r\n\t ') values[space.charCodeAt(0)] = SPACE;
  return values;
}

/**
 * The octets that `text` spells, white space between the characters left out, in memory of their own (which may be
 * wiped). `undefined` unless the text is the one canonical spelling of them (RFC 4648 §3.5), and for no octets at all.
 */
export function decodeBase64(text: Buffer): Buffer | undefined {
  const octets = Buffer.allocUnsafeSlow(Math.floor(text.length / 4) * 3);
  let [length, bits, characters, padding] = [0, 0, 0, 0];
  for (let at = 0; at < text.length; at++) {
    const octet = text[at] as number;
    const value = VALUES[octet] as number;
    if (value === SPACE) continue;
    characters += 1;
    if (octet === PAD) padding += 1;
    else if (value === NOT_BASE64 || padding > 0) return refused(octets);
    bits = (bits << 6) | (octet === PAD ? 0 : value);
    if (characters % 4 !== 0) continue;
    octets[length++] = bits >>> 16;
    octets[length++] = bits >>> 8;
    octets[length++] = bits;
    bits = 0;
  }
  if (characters === 0 || characters % 4 !== 0 || padding > 2) return refused(octets);
  // A pad stands for an octet that is not there: all of its bits are zero, and so are those that the last character has
  // beyond the octets before.
  for (let pad = 0; pad < padding; pad++) if (octets[--length] !== 0) return refused(octets);
  if (length === octets.length) return octets;
  const exact = Buffer.allocUnsafeSlow(length);
  octets.copy(exact, 0, 0, length);
  octets.fill(0);
  return exact;
}

function refused(octets: Buffer): undefined {
  octets.fill(0);
  return undefined;
}

/** Writes the characters that spell `octets`, four for each three of them, at `offset`; returns the offset behind. */
export function writeBase64(target: Buffer, offset: number, octets: Buffer): number {
  const whole = octets.length - (octets.length % 3);
  let at = offset;
  for (let from = 0; from < whole; from += 3) {
    at = writeSextets(target, at, octets.readUIntBE(from, 3), 4);
  }
  if (octets.length - whole === 1) {
    at = writeSextets(target, at, octets.readUInt8(whole) << 16, 2);
    target[at++] = PAD;
    target[at++] = PAD;
  } else if (octets.length - whole === 2) {
    at = writeSextets(target, at, octets.readUInt16BE(whole) << 8, 3);
    target[at++] = PAD;
  }
  return at;
}

/** The first `count` of the four characters that stand for 24 bits. */
function writeSextets(target: Buffer, offset: number, bits: number, count: number): number {
  for (let i = 0; i < count; i++) target[offset + i] = CHARACTERS.readUInt8((bits >>> (18 - 6 * i)) & 0x3f);
  return offset + count;
}
