/** A piece of a text that is replaced; at `end === start` one that is put in. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The text after all edits, or `undefined` when two of them want the same piece. Those at one place keep their order.
 */
export function editedText(text: string, edits: readonly TextEdit[]): string | undefined {
  const sorted = edits.toSorted((one, other) => one.start - other.start || one.end - other.end);
  const parts: string[] = [];
  let at = 0;
  for (const { start, end, text: replacement } of sorted) {
    if (start < at) return undefined;
    parts.push(text.slice(at, start), replacement);
    at = end;
  }
  return [...parts, text.slice(at)].join('');
}

/** Where the line begins that `offset` is in. */
export function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** Where the line ends that `offset` is in: at its line break, or at the end of the text. */
export function lineEnd(text: string, offset: number): number {
  const at = text.indexOf('\n', offset);
  if (at < 0) return text.length;
  return text[at - 1] === '\r' && at > offset ? at - 1 : at;
}

/** Where the line break begins that is before the line which begins at `start`. */
export function breakBefore(text: string, start: number): number {
  return Math.max(0, text[start - 2] === '\r' ? start - 2 : start - 1);
}

/** Whether nothing but space comes before `offset` on its line. */
export function isFirstOnLine(text: string, offset: number): boolean {
  return text.slice(lineStart(text, offset), offset).trim() === '';
}
