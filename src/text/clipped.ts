/**
 * Text of a peer, fit for a log line, a message or a status: on one line, without characters that control a terminal or
 * turn the direction of writing, and of at most `maxChars` characters. A `…` at the end, which counts too, says that
 * there was more.
 */
export function clipped(text: string, maxChars: number): string {
  const isWhole = text.length <= maxChars;
  const plain = (isWhole ? text : text.slice(0, maxChars - 1)).replace(UNFIT, ' ');
  return isWhole ? plain : `${plain}…`;
}

/** Control characters, the two other line ends of Unicode, and the marks of bidirectional writing (UAX #9 §2). */
const UNFIT = /[\p{Cc}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]+/gu;
