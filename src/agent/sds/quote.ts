/** Peers' texts in our logs, answers and status are cut here. */
const MAX_QUOTE_CHARS = 300;

/** A peer's text on one line and of bounded length. */
export function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get into a log or a trailer.
  return text === '' ? text : text.slice(0, MAX_QUOTE_CHARS).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}
