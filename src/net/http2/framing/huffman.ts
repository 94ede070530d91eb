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

/** A tree of 257 leaves. */
const NODES = 256;

/** A step takes so many bits: no code is shorter, so it ends at most one of them. */
const STEP_BITS = 4;

/** What a step leads to: the node in the lowest eight bits, an octet that it ends in the next eight, and these. */
const ENDS_OCTET = 1 << 16;
const FAILS = 1 << 17;

/** The shortest code has five bits, so a string is at most this much longer than its coding. */
const MAX_GROWTH = 8 / 5;

/** Less than an octet of padding. (RFC 7541 §5.2) */
const MAX_PADDING_BITS = 7;

/** What is looked up. */
interface Tables {
  /** By node, and within that by the next bits. */
  readonly steps: Int32Array;
  /** By node: 1 where a string may end, with the first bits of EOS behind its last code, all ones. */
  readonly ends: Uint8Array;
}

/**
 * The codes as a binary tree: two entries a node, for bit 0 and bit 1. Positive: the number of the next node; negative:
 * the octet, as -1 - octet.
 */
function buildTree(): Int16Array {
  const tree = new Int16Array(2 * NODES);
  let count = 1;
  let code = 0;
  // Shorter codes come first; among codes of one length the lower octet. (RFC 7541 §5.2, as in RFC 1951 §3.2.2)
  for (let bits = 0; bits <= MAX_CODE_BITS; bits += 1) {
    for (let octet = 0; octet <= EOS; octet += 1) {
      if ((CODE_BITS[octet] ?? MAX_CODE_BITS) !== bits) continue;
      let node = 0;
      for (let shift = bits - 1; shift > 0; shift -= 1) {
        const at = 2 * node + ((code >>> shift) & 1);
        if (tree[at] === 0) {
          tree[at] = count;
          count += 1;
        }
        node = tree[at] ?? 0;
      }
      tree[2 * node + (code & 1)] = -1 - octet;
      code += 1;
    }
    code *= 2;
  }
  return tree;
}

function buildTables(): Tables {
  const tree = buildTree();
  const steps = new Int32Array(NODES << STEP_BITS);
  for (let at = 0; at < steps.length; at += 1) {
    let node = at >>> STEP_BITS;
    let ended = 0;
    for (let shift = STEP_BITS - 1; shift >= 0; shift -= 1) {
      const next = tree[2 * node + ((at >>> shift) & 1)] ?? 0;
      if (next < 0) ended = -1 - next === EOS ? FAILS : ENDS_OCTET | ((-1 - next) << 8);
      node = Math.max(0, next);
    }
    steps[at] = ended | node;
  }
  const ends = new Uint8Array(NODES);
  for (let node = 0, bits = 0; bits <= MAX_PADDING_BITS; bits += 1) {
    ends[node] = 1;
    node = tree[2 * node + 1] ?? 0;
  }
  return { steps, ends };
}

const { steps, ends } = buildTables();

/**
 * Decodes a Huffman-coded string.
 * @throws RangeError when a code is none of the table, or the padding is not the beginning of the last one.
 */
export function decodeHuffman(bytes: Buffer): string {
  const octets = Buffer.allocUnsafe(Math.ceil(bytes.length * MAX_GROWTH));
  let length = 0;
  let node = 0;
  let seen = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    const half = steps[(node << STEP_BITS) | (byte >>> STEP_BITS)] ?? FAILS;
    const whole = steps[((half & 0xff) << STEP_BITS) | (byte & 0xf)] ?? FAILS;
    seen |= half | whole;
    if ((half & ENDS_OCTET) !== 0) {
      octets[length] = half >>> 8;
      length += 1;
    }
    if ((whole & ENDS_OCTET) !== 0) {
      octets[length] = whole >>> 8;
      length += 1;
    }
    node = whole & 0xff;
  }
  if ((seen & FAILS) !== 0) throw new RangeError('huffman: got a code that is not in the table');
  if (ends[node] !== 1) throw new RangeError('huffman: got a wrong padding');
  return octets.toString('latin1', 0, length);
}
