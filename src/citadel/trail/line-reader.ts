import { createReadStream } from 'node:fs';
import { MAX_RECORD_BYTES } from './trail-record.js';

export interface Line {
  /** Without its end. */
  readonly bytes: Buffer;
  /** False of what has no end: the rest of a file, and pieces of what is too long for a record. */
  readonly isWhole: boolean;
}

/** The lines in `bytes` that have an end, without it; {@link endOfLines} is where they end. */
export function* wholeLines(bytes: Buffer): Generator<Buffer> {
  let start = 0;
  for (let end = bytes.indexOf(LINE_END); end !== -1; end = bytes.indexOf(LINE_END, start)) {
    yield bytes.subarray(start, end);
    start = end + 1;
  }
}

/** Behind the last line that has an end. */
export function endOfLines(bytes: Buffer): number {
  return bytes.lastIndexOf(LINE_END) + 1;
}

/** The lines of a file, however long they are. */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(path)) {
    const bytes = Buffer.concat([rest, chunk as Buffer]);
    for (const line of wholeLines(bytes)) yield { bytes: line, isWhole: true };
    rest = bytes.subarray(endOfLines(bytes));
    if (rest.length > MAX_RECORD_BYTES) {
      yield { bytes: rest, isWhole: false };
      rest = Buffer.alloc(0);
    }
  }
  if (rest.length > 0) yield { bytes: rest, isWhole: false };
}

const LINE_END = 0x0a;
