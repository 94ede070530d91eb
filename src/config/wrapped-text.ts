/** A text that begins at `column`, behind `head` where that leaves room for it, else below. */
export function hanging(head: string, text: string, column: number, columns: number): string[] {
  const indent = ' '.repeat(column);
  const [first = '', ...more] = wrapped(text, columns - column).map((line) => indent + line);
  if (head.length < column) return [head.padEnd(column) + first.slice(column), ...more];
  return [head, first, ...more];
}

/** Lines of at most `columns`, broken at spaces; a word that is longer has a line of its own. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
