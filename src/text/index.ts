/**
 * text: texts as bytes, and texts that others wrote. It knows no file, no protocol and no log.
 */
export { writeAscii } from './ascii.js';
export { clipped } from './clipped.js';
export { isUtf16, skipByteOrderMark } from './text-form.js';
