/**
 * text: texts as bytes, and texts that others wrote, durations and JSON within bounds of its cost among them. It knows
 * no file, no protocol and no log.
 */
export { addressText } from './address-text.js';
export { writeAscii } from './ascii.js';
export { decodeBase64, writeBase64 } from './base64.js';
export { parseBoundedJson } from './bounded-json.js';
export { clipped } from './clipped.js';
export { parseDurationMs, parseDurationNs } from './duration.js';
export { nearest } from './nearest.js';
export { plainSerial } from './plain-serial.js';
export { isUtf16, skipByteOrderMark } from './text-form.js';
