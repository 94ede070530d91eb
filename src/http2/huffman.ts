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

/** The code of more bits than any octet's; no string may hold it. (RFC 7541 §5.2) */
const EOS = 256;

/**
 * The codes as a binary tree: two entries a node, for bit 0 and bit 1. Positive: the number of the next node; negative:
 * the octet, as -1 - octet; 0: no code.
 */
function buildTree(): Int16Array {
  const nodes: number[] = [0, 0];
  let code = 0;
  // Shorter codes come first; among codes of one length the lower octet. (RFC 7541 §5.2, as in RFC 1951 §3.2.2)
  for (let bits = 0; bits <= MAX_CODE_BITS; bits += 1) {
    for (const [octet, length] of [...CODE_BITS, MAX_CODE_BITS].entries()) {
      if (length !== bits) continue;
      let node = 0;
      for (let shift = bits - 1; shift > 0; shift -= 1) {
        const at = 2 * node + ((code >>> shift) & 1);
        if (nodes[at] === 0) {
          nodes[at] = nodes.length / 2;
          nodes.push(0, 0);
        }
        node = nodes[at] ?? 0;
      }
      nodes[2 * node + (code & 1)] = -1 - octet;
      code += 1;
    }
    code *= 2;
  }
  return Int16Array.from(nodes);
}

const TREE = buildTree();

/** The shortest code has five bits, so a string is at most this much longer than its coding. */
const MAX_GROWTH = 8 / 5;

/**
 * Decodes a Huffman-coded string.
 * @throws RangeError when a code is none of the table, or the padding is not the beginning of the last one.
 */
export function decodeHuffman(bytes: Buffer): string {
  const octets = Buffer.allocUnsafe(Math.ceil(bytes.length * MAX_GROWTH));
  let length = 0;
  let node = 0;
  let bitsOfCode = 0;
  let isPadding = true;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    for (let shift = 7; shift >= 0; shift -= 1) {
      const bit = (byte >>> shift) & 1;
      const next = TREE[2 * node + bit] ?? 0;
      bitsOfCode += 1;
      isPadding = isPadding && bit === 1;
      if (next > 0) {
        node = next;
        continue;
      }
      const octet = -1 - next;
      if (next === 0 || octet === EOS) throw new RangeError('huffman: got a code that is not in the table');
      octets[length] = octet;
      length += 1;
      node = 0;
      bitsOfCode = 0;
      isPadding = true;
    }
  }
  // What is left are the first bits of EOS, all ones, and less than an octet of them. (RFC 7541 §5.2)
  if (bitsOfCode > 7 || !isPadding) throw new RangeError('huffman: got a wrong padding');
  return octets.toString('latin1', 0, length);
}
