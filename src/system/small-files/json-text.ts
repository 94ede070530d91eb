import { isUtf8 } from 'node:buffer';
import { isUtf16, skipByteOrderMark } from '../../text/index.js';

/**
 * The JSON value of a file's bytes. A byte order mark, as editors and shells of Windows write it, is skipped. (RFC 8259
 * §8.1) Calls `refuse`, which throws, with what the bytes are instead. It quotes none of them: the wrong file may be a
 * secret one.
 */
export function readJson(bytes: Buffer, refuse: (got: string, expected: string) => never): unknown {
  const content = skipByteOrderMark(bytes);
  if (isUtf16(content)) return refuse('text in UTF-16', 'JSON in UTF-8');
  if (!isUtf8(content)) return refuse('bytes that are not UTF-8', 'JSON in UTF-8');
  if (content.length === 0) return refuse('an empty file', 'JSON');
  let value: unknown;
  try {
    value = JSON.parse(content.toString('utf8'));
  } catch {
    return refuse(`${content.length} bytes that are no JSON`, 'JSON');
  }
  return value;
}
