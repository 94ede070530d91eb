/**
 * One element of DER, as a place in the bytes that were read. Its octets become Buffers when they are asked for: of
 * most elements of a certificate only the tag or the parts count, and a Buffer costs more than all else of reading one.
 */
export class DerView {
  constructor(
    private readonly bytes: Buffer,
    private readonly start: number,
    private readonly contentStart: number,
    readonly end: number,
    /** The first octet: class, constructed bit and number (none of ours is above 30). */
    readonly tag: number,
  ) {}

  /** The whole element. */
  get raw(): Buffer {
    return this.bytes.subarray(this.start, this.end);
  }

  get content(): Buffer {
    return this.bytes.subarray(this.contentStart, this.end);
  }

  /** The elements that fill all of its content; `undefined` when they do not, and of a primitive element. */
  get parts(): DerView[] | undefined {
    return this.isConstructed ? viewsBetween(this.bytes, this.contentStart, this.end) : undefined;
  }

  get isConstructed(): boolean {
    return (this.tag & CONSTRUCTED) !== 0;
  }
}

/** Tags with the constructed bit (0x20) where DER demands it. (X.680 §8.4) */
export const DerTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  relativeOid: 0x0d,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
  context1: 0xa1,
  context3: 0xa3,
} as const;

/** The bit of a tag that says that the content is elements. (X.690 §8.1.2.5) */
const CONSTRUCTED = 0x20;

/** A tag number that needs further octets. (X.690 §8.1.2.4) */
const LONG_TAG = 0x1f;

/** No certificate is larger than what three octets of length say. */
const MAX_LENGTH_OCTETS = 3;

/**
 * The element at `start` of `bytes`, which ends at `limit` or before; `undefined` for what is no DER: an indefinite
 * length, one that is not in shortest form, a tag number above 30, or an end beyond `limit`. (X.690 §10.1; the same as
 * readElement in native/der.cc)
 */
function readView(bytes: Buffer, start: number, limit: number): DerView | undefined {
  if (limit - start < 2) return undefined;
  const [tag, first] = [bytes[start], bytes[start + 1]];
  if (tag === undefined || first === undefined || (tag & LONG_TAG) === LONG_TAG) return undefined;
  const lengthOctets = first < 0x80 ? 0 : first - 0x80;
  const contentStart = start + 2 + lengthOctets;
  if (first === 0x80 || lengthOctets > MAX_LENGTH_OCTETS || contentStart > limit) return undefined;
  const length = lengthOctets === 0 ? first : bytes.readUIntBE(start + 2, lengthOctets);
  const isShortest = lengthOctets === 0 || (length >= 0x80 && length >= 2 ** (8 * (lengthOctets - 1)));
  if (!isShortest || length > limit - contentStart) return undefined;
  return new DerView(bytes, start, contentStart, contentStart + length, tag);
}

function viewsBetween(bytes: Buffer, start: number, limit: number): DerView[] | undefined {
  const views: DerView[] = [];
  for (let at = start; at < limit; ) {
    const view = readView(bytes, at, limit);
    if (view === undefined) return undefined;
    views.push(view);
    at = view.end;
  }
  return views;
}

/** The elements that fill all of `bytes`, which is the content of a constructed element. */
export function viewsIn(bytes: Buffer): DerView[] | undefined {
  return viewsBetween(bytes, 0, bytes.length);
}

/** The one element that fills all of `bytes`. What is in it is not looked at: see {@link isStrictDer}. */
export function readDer(bytes: Buffer): DerView | undefined {
  const view = readView(bytes, 0, bytes.length);
  return view?.end === bytes.length ? view : undefined;
}

/** The elements of the SEQUENCE that fills all of `bytes`. */
export function sequenceIn(bytes: Buffer): DerView[] | undefined {
  return sequenceOf(readDer(bytes));
}

/** The elements of a SEQUENCE: `undefined` when it is none. */
export function sequenceOf(view: DerView | undefined): DerView[] | undefined {
  return view?.tag === DerTag.sequence ? view.parts : undefined;
}

/** The octets of a BIT STRING whose unused bits are `unused` at most: `undefined` when it is none. */
export function bitsOf(view: DerView | undefined, maxUnused = 7): Buffer | undefined {
  const unused = view?.tag === DerTag.bitString ? view.content[0] : undefined;
  return unused !== undefined && unused <= maxUnused ? view?.content.subarray(1) : undefined;
}
