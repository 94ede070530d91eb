import type { HeaderDecoder, HeaderField } from '../../src/net/http2/index.js';

/** What an entry counts besides its text. (RFC 7541 §4.1) */
const ENTRY_BYTES = 32;

/** Every list fits. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** The reference to an entry of the dynamic table, the newest being 0: from field 62 on. (RFC 7541 §2.3.3) */
export function tableEntry(age: number): Buffer {
  return age < 65 ? Buffer.of(0x80 | (62 + age)) : Buffer.of(0xff, age - 65);
}

/** The entries of a decoder's dynamic table, the newest first, as far as a peer can refer to them. */
export function tableOf(decoder: HeaderDecoder): HeaderField[] {
  const entries: HeaderField[] = [];
  for (;;) {
    try {
      entries.push(...(decoder.decode(tableEntry(entries.length), NO_LIMIT) ?? []));
    } catch (error) {
      // There is no such entry.
      if (error instanceof RangeError) return entries;
      throw error;
    }
  }
}

/** Their size, as RFC 7541 §4.1 counts it. */
export function sizeOf(fields: readonly HeaderField[]): number {
  return fields.reduce((sum, [name, value]) => sum + name.length + value.length + ENTRY_BYTES, 0);
}
