import type { AsnType } from 'asn1js';
import { readTime } from '../../pki/x509/index.js';

/** Enough for a CRL of twenty thousand entries, which fills the largest file that is read. */
const LIMITS = { maxDepth: 24, maxNodes: 100_000, maxContentLength: 1024 * 1024, parseEmbedded: false };

/** An element of BER with what is in it; a primitive one has nothing in it. */
export interface Asn1Element {
  /** Class and number: 4 for a universal OCTET STRING, `[1]` for context-specific 1. */
  readonly tag: number | readonly [number];
  /** The whole element, with its tag and length. */
  readonly raw: Buffer;
  /** Of a primitive element. */
  readonly content: Buffer;
  readonly children: readonly Asn1Element[];
}

/**
 * Reads bytes from a file by asn1js, which is loaded for that: most agents have no such files. `undefined` when they are
 * not exactly one element.
 */
export async function readAsn1(bytes: Buffer): Promise<Asn1Element | undefined> {
  const { fromBER } = await import('asn1js');
  try {
    const { offset, result } = fromBER(bytes, LIMITS);
    return offset === bytes.length ? elementOf(result) : undefined;
  } catch {
    return undefined;
  }
}

/** The universal tags that are asked for. (X.680 §8.4) */
export const Asn1 = {
  ...{ boolean: 1, integer: 2, bitString: 3, octetString: 4, oid: 6, enumerated: 10, sequence: 16 },
  ...{ utcTime: 23, generalizedTime: 24 },
} as const;

const CONTEXT_SPECIFIC = 3;

/** Epoch milliseconds of a time as DER has it; `undefined` for all else. */
export function timeOf({ tag, content }: Asn1Element): number | undefined {
  return typeof tag === 'number' ? readTime({ tag, content }) : undefined;
}

function elementOf(block: AsnType): Asn1Element {
  const { tagClass, tagNumber, isConstructed } = block.idBlock;
  // What is in a constructed element; asn1js names it so in the classes of all of them.
  const { value } = block.valueBlock as { value?: unknown };
  const children = isConstructed && Array.isArray(value) ? (value as AsnType[]).map(elementOf) : [];
  const raw = Buffer.from(block.valueBeforeDecodeView);
  const { length } = block.lenBlock;
  // An indefinite length is BER, and no DER: neither BoringSSL nor Go takes it (X.690 §10.1). One that is longer than the element
  // would be counted from its end.
  if (block.lenBlock.isIndefiniteForm || !(length >= 0 && length <= raw.length)) {
    throw new RangeError('an element of indefinite length, or of a longer one than there is');
  }
  const content = raw.subarray(raw.length - length);
  return { tag: tagClass === CONTEXT_SPECIFIC ? [tagNumber] : tagNumber, raw, content, children };
}
