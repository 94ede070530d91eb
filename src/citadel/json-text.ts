import { isUtf8 } from 'node:buffer';

/** U+FEFF in UTF-8. (RFC 3629 §6) */
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * The JSON value of a file's bytes. A byte order mark, as editors and shells of Windows write it, is skipped. (RFC 8259 §8.1)
 * @throws TypeError saying what the bytes are instead. It quotes none of them: the wrong file may be a secret one.
 */
export function readJson(bytes: Buffer): unknown {
  const isMarked = bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const content = isMarked ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes;
  if (isUtf16(content)) throw new TypeError('got text in UTF-16, expected JSON in UTF-8');
  if (!isUtf8(content)) throw new TypeError('got bytes that are not UTF-8, expected JSON in UTF-8');
  if (content.length === 0) throw new TypeError('got an empty file, expected JSON');
  try {
    return JSON.parse(content.toString('utf8'));
  } catch {
    throw new TypeError(`got ${content.length} bytes that are no JSON`);
  }
}

/** By its mark, or by the zero that one of the first two octets then is: JSON begins with an ASCII character. */
function isUtf16([first, second]: Uint8Array): boolean {
  if (first === undefined || second === undefined) return false;
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || (first === 0) !== (second === 0);
}
