import { type AsnType, type BaseBlock, Constructed, fromBER, Sequence, Set as SetOf } from 'asn1js';

/** One element of untrusted DER, as views into the bytes that were read. */
export interface DerElement {
  /** The first octet: class, constructed bit and number (none of ours is above 30). */
  readonly tag: number;
  /** The whole element. */
  readonly raw: Buffer;
  readonly content: Buffer;
  /** Empty for a primitive element. */
  readonly children: readonly DerElement[];
}

/** Why bytes are not what was expected. Callers turn it into their own error. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

export const Tag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  attributes: 0xa0,
  version: 0xa0,
  extensions: 0xa3,
} as const;

/** A certificate is 7 elements deep; asn1js would allow 100. */
const LIMITS = { maxDepth: 16, maxNodes: 2000, maxContentLength: 64 * 1024, parseEmbedded: false, copyInput: false };

/** End-of-contents, SEQUENCE and SET, without the constructed bit. (X.690 §8) */
const UNFIT_PRIMITIVES = new Set([0x00, 0x10, 0x11]);

/**
 * Reads exactly one element that fills all of `bytes`, by asn1js, and then holds it against DER: definite lengths in
 * shortest form, no constructed strings. What asn1js forgives must not get through, because the bytes are compared and
 * signed as they are. @throws DerError
 */
export function readDer(bytes: Buffer): DerElement {
  const { offset, result } = parse(bytes);
  if (offset === -1) throw new DerError('bytes that are no ASN.1');
  if (offset !== bytes.length) throw new DerError('bytes behind the end of the element');
  return strict(result);
}

/** asn1js says -1 for most that is malformed, but throws for some, such as a BMPString of odd length. */
function parse(bytes: Buffer): ReturnType<typeof fromBER> {
  try {
    return fromBER(bytes, LIMITS);
  } catch (cause) {
    throw new DerError('bytes that are no ASN.1', { cause });
  }
}

function strict(block: AsnType): DerElement {
  const raw = bufferOf(block.valueBeforeDecodeView);
  const { blockLength: idLength } = block.idBlock;
  const { blockLength: lengthLength, length, isIndefiniteForm } = block.lenBlock;
  if (idLength !== 1 || isIndefiniteForm || lengthLength !== shortestLengthOctets(length)) {
    throw new DerError('a header that is no DER');
  }
  const content = raw.subarray(idLength + lengthLength);
  if (content.length !== length) throw new DerError('a length that does not match the content');
  if (UNFIT_PRIMITIVES.has(raw.readUInt8(0))) throw new DerError('a primitive element of a type that has none');
  if (raw[0] === Tag.generalizedTime && !/^\d{14}Z$/.test(content.toString('latin1'))) {
    throw new DerError('a time that is no whole second');
  }
  const children = block.idBlock.isConstructed ? childrenOf(block).map(strict) : [];
  return { tag: raw.readUInt8(0), raw, content, children };
}

/** DER has constructed encodings for SEQUENCE, SET and explicit tags alone: no constructed strings. (X.690 §10.2) */
function childrenOf(block: AsnType): BaseBlock[] {
  if (block instanceof Sequence || block instanceof SetOf || block instanceof Constructed)
    return block.valueBlock.value;
  throw new DerError('a constructed string');
}

function shortestLengthOctets(length: number): number {
  if (length < 0x80) return 1;
  return 1 + Math.ceil(Math.log2(length + 1) / 8);
}

function bufferOf(view: Uint8Array): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

/** `parent.children[index]`, which must have this tag. @throws DerError */
export function child(parent: DerElement, index: number, tag: number, what: string): DerElement {
  const found = parent.children[index];
  if (found?.tag !== tag) throw new DerError(`no ${what}`);
  return found;
}

/** The octets of a BIT STRING that has no unused bits. @throws DerError */
export function wholeOctets(bits: DerElement, what: string): Buffer {
  if (bits.content.length < 1 || bits.content.readUInt8(0) !== 0) throw new DerError(`${what} of odd bits`);
  return bits.content.subarray(1);
}

/**
 * The value of the one extension with this OID among `extensions` (a SEQUENCE OF Extension), or `undefined`.
 * @throws DerError when it is there twice, or is malformed. (RFC 5280 §4.2)
 */
export function extensionValue(extensions: DerElement, oid: Buffer): DerElement | undefined {
  const [found, ...more] = extensions.children.filter((extension) => extension.children[0]?.raw.equals(oid));
  if (found === undefined) return undefined;
  if (more.length > 0) throw new DerError('the same extension twice');
  // Between the OID and the value there may be `critical`, which does not matter to us.
  return readDer(child(found, found.children.length - 1, Tag.octetString, 'extension value').content);
}
