import { encodeHeaderBlock, HeaderDecoder, type HeaderField } from '../../src/net/http2/index.js';
import { below, mutated, oneOf, type Random, randomBytes } from '../hostile/conversations.js';
import { sizeOf, tableOf } from '../support/header-table.js';
import type { FuzzTarget } from './target.js';

const MAX_LIST_BYTES = 64 * 1024;
const TABLE_BYTES = 4096;

const FIELDS: readonly HeaderField[] = [
  [':method', 'POST'],
  [':path', '/a'],
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['authorization', 'Bearer abc'],
];

/** An integer of a prefix of `bits`, as it should be, or with superfluous zeros, or without an end. (RFC 7541 §5.1) */
function integer(random: Random, kind: number, bits: number, value: number): Buffer {
  const mask = (1 << bits) - 1;
  if (value < mask && random() < 0.95) return Buffer.of(kind | value);
  const octets = [kind | mask];
  let rest = Math.max(0, value - mask);
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) octets.push((rest & 0x7f) | 0x80);
  const zeros = random() < 0.05 ? below(random, 200) : 0;
  if (zeros === 0) return Buffer.from([...octets, rest]);
  return Buffer.from([...octets, rest | 0x80, ...Array<number>(zeros).fill(0x80), ...(random() < 0.9 ? [0] : [])]);
}

function text(random: Random): Buffer {
  const bytes = random() < 0.05 ? randomBytes(random, 3000) : randomBytes(random, 20);
  const length = random() < 0.005 ? below(random, 2 ** 30) : bytes.length;
  return Buffer.concat([integer(random, random() < 0.05 ? 0x80 : 0, 7, length), bytes]);
}

/** One representation. (RFC 7541 §6) */
function representation(random: Random, mayResize: boolean): Buffer {
  const kind = below(random, 8);
  switch (kind === 0 && !mayResize ? 7 : kind) {
    case 0:
      return integer(random, 0x20, 5, random() < 0.95 ? below(random, TABLE_BYTES + 1) : below(random, 2 ** 31));
    case 1:
    case 2:
      return integer(random, 0x80, 7, random() < 0.98 ? 1 + below(random, 63) : below(random, 2 ** 26));
    case 3:
      return Buffer.concat([integer(random, 0x40, 6, 1 + below(random, 62)), text(random)]);
    case 4:
    case 5:
      return Buffer.concat([integer(random, 0x40, 6, 0), text(random), text(random)]);
    case 6:
      return Buffer.concat([
        integer(random, oneOf(random, [0, 0x10]), 4, below(random, 64)),
        text(random),
        text(random),
      ]);
    default:
      return encodeHeaderBlock([oneOf(random, FIELDS)]);
  }
}

/** Each costs the most for its octets in another way: an entry of the static table, one of ours, an insertion. */
const MANY = ['82', 'be', '40016100'].map((hex) => Buffer.from(hex, 'hex'));

/** A block of some representations, now and then of thousands of the same. */
export function hostileBlock(random: Random): Buffer {
  // A size of the table stands at the beginning, if anywhere. (RFC 7541 §4.2)
  const parts = Array.from({ length: 1 + below(random, 12) }, (_, at) =>
    representation(random, at === 0 || random() < 0.02),
  );
  if (random() < 0.01) parts.push(...Array<Buffer>(below(random, 10_000)).fill(oneOf(random, MANY)));
  const block = Buffer.concat(parts);
  return random() < 0.15 && block.length > 0 ? mutated(random, block) : block;
}

/** Header blocks, several of one connection. The table stays within its bounds, whatever they hold. */
export const hpack: FuzzTarget = {
  name: 'hpack',
  maxInputMs: 50,
  maxGrownMb: 8,
  testRuns: 15_000,
  open() {
    const met = { read: 0, 'too large': 0, refused: 0 };
    return {
      met,
      run(random) {
        const decoder = new HeaderDecoder();
        for (let count = 1 + below(random, 4); count > 0; count -= 1) {
          const block = hostileBlock(random);
          try {
            const fields = decoder.decode(block, MAX_LIST_BYTES);
            met[fields === undefined ? 'too large' : 'read'] += 1;
            if (fields !== undefined && sizeOf(fields) > MAX_LIST_BYTES) return 'a list above its limit';
          } catch (error) {
            if (!(error instanceof RangeError)) throw error;
            met.refused += 1;
            return undefined;
          } finally {
            assertBounded(decoder);
          }
        }
        return undefined;
      },
    };
  },
};

function assertBounded(decoder: HeaderDecoder): void {
  const entries = tableOf(decoder);
  if (sizeOf(entries) > TABLE_BYTES)
    throw new Error(`a table of ${entries.length} entries and ${sizeOf(entries)} bytes`);
}
