/** Bits of the code of each octet; the code itself follows from them, as it is canonical. (RFC 7541 Appendix B) */
const CODE_BITS = [
  [13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  [28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  [6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  [5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  [13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  [7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  [15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  [6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  [20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  [24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  [22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  [21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  [26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  [19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  [20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  [26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
].flat();

const MAX_CODE_BITS = 30;

/** By number of bits: the first code of that length, and the octets whose codes follow it one by one. */
interface CodesOfLength {
  readonly first: number;
  readonly octets: readonly number[];
}

/** Shorter codes come first; among codes of one length the lower octet. (RFC 7541 §5.2, as in RFC 1951 §3.2.2) */
function canonicalCodes(): CodesOfLength[] {
  const codes: CodesOfLength[] = [];
  let first = 0;
  for (let bits = 0; bits <= MAX_CODE_BITS; bits += 1) {
    const octets = [...CODE_BITS.keys()].filter((octet) => CODE_BITS[octet] === bits);
    codes.push({ first, octets });
    first = (first + octets.length) * 2;
  }
  return codes;
}

const CODES = canonicalCodes();

/**
 * Decodes a Huffman-coded string; the padding at its end is dropped unread.
 * @throws RangeError when a code is none of the table.
 */
export function decodeHuffman(bytes: Buffer): string {
  const octets: number[] = [];
  let code = 0;
  let bits = 0;
  for (const byte of bytes) {
    for (let shift = 7; shift >= 0; shift -= 1) {
      code = code * 2 + ((byte >> shift) & 1);
      bits += 1;
      const { first, octets: candidates } = CODES[bits] ?? NONE;
      const octet = candidates[code - first];
      if (octet === undefined) continue;
      octets.push(octet);
      code = 0;
      bits = 0;
    }
    if (bits > MAX_CODE_BITS) throw new RangeError('huffman: got a code that is not in the table');
  }
  return Buffer.from(octets).toString('latin1');
}

const NONE: CodesOfLength = { first: 0, octets: [] };
