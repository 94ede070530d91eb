/** One element of DER, as views into the bytes that were read. */
export interface DerView {
  /** The first octet: class, constructed bit and number (none of ours is above 30). */
  readonly tag: number;
  /** The whole element. */
  readonly raw: Buffer;
  readonly content: Buffer;
}

export const DerTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
  context1: 0xa1,
  context3: 0xa3,
} as const;

/** A tag number that needs further octets. (X.690 §8.1.2.4) */
const LONG_TAG = 0x1f;

/** No certificate is larger than what three octets of length say. */
const MAX_LENGTH_OCTETS = 3;

/**
 * The element at the start of `bytes`; `undefined` for what is no DER: an indefinite length, one that is not in shortest
 * form, a tag number above 30, or an end beyond that of `bytes`. For certificates that OpenSSL has parsed already: it finds
 * the places of what `X509Certificate` does not show. (X.690 §10.1; the same as readElement in native/der.cc)
 */
function readView(bytes: Buffer): DerView | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined || (tag & LONG_TAG) === LONG_TAG) return undefined;
  const lengthOctets = first < 0x80 ? 0 : first - 0x80;
  if (first === 0x80 || lengthOctets > MAX_LENGTH_OCTETS || bytes.length < 2 + lengthOctets) return undefined;
  const length = lengthOctets === 0 ? first : bytes.readUIntBE(2, lengthOctets);
  const isShortest = lengthOctets === 0 || (length >= 0x80 && length >= 2 ** (8 * (lengthOctets - 1)));
  const start = 2 + lengthOctets;
  if (!isShortest || length > bytes.length - start) return undefined;
  return { tag, raw: bytes.subarray(0, start + length), content: bytes.subarray(start, start + length) };
}

/** The one element with this tag that fills all of `bytes`. */
export function wholeView(bytes: Buffer, tag: number): DerView | undefined {
  const view = readView(bytes);
  return view?.tag === tag && view.raw.length === bytes.length ? view : undefined;
}

/** The elements that fill all of `bytes`, which is the content of a constructed element. */
export function viewsIn(bytes: Buffer): DerView[] | undefined {
  const views: DerView[] = [];
  for (let rest = bytes; rest.length > 0; ) {
    const view = readView(rest);
    if (view === undefined) return undefined;
    views.push(view);
    rest = rest.subarray(view.raw.length);
  }
  return views;
}

/** The elements of the SEQUENCE that fills all of `bytes`. */
export function sequenceIn(bytes: Buffer): DerView[] | undefined {
  const sequence = wholeView(bytes, DerTag.sequence);
  return sequence && viewsIn(sequence.content);
}

/** The octets of a BIT STRING whose unused bits are `unused` at most: `undefined` when it is none. */
export function bitsOf(view: DerView | undefined, maxUnused = 7): Buffer | undefined {
  const unused = view?.tag === DerTag.bitString ? view.content[0] : undefined;
  return unused !== undefined && unused <= maxUnused ? view?.content.subarray(1) : undefined;
}
