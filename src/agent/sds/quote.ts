import { clipped } from '../../text/index.js';

/** Peers' texts in our logs, answers and status are cut here. */
const MAX_QUOTE_CHARS = 300;

/** A peer's text on one line and of bounded length. */
export function quote(text: string): string {
  return text === '' ? text : clipped(text, MAX_QUOTE_CHARS);
}
