/** U+FEFF in UTF-8, which editors and shells of Windows write. (RFC 3629 §6) */
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** How much of a text without a mark is looked at. */
const SNIFFED_BYTES = 64;

/** A view of the text behind its UTF-8 byte order mark, or of all of it. */
export function skipByteOrderMark(text: Buffer): Buffer {
  const isMarked = text.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  return isMarked ? text.subarray(BYTE_ORDER_MARK.length) : text;
}

/**
 * Whether the bytes are text in UTF-16, as PowerShell's `>` writes it: by its mark, or by the zeros of ASCII
 * characters.
 */
export function isUtf16(text: Buffer): boolean {
  const mark = text.length >= 2 ? text.readUInt16BE(0) : 0;
  if (mark === 0xfeff || mark === 0xfffe) return true;
  const start = text.subarray(0, Math.min(SNIFFED_BYTES, text.length & ~1));
  const isZeroAt = (parity: number): boolean => start.every((octet, at) => (at % 2 === parity) === (octet === 0));
  return start.length >= 2 && (isZeroAt(0) || isZeroAt(1));
}
