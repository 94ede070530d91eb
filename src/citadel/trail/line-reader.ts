import { createReadStream } from 'node:fs';
import { MAX_RECORD_BYTES } from './trail-record.js';

export interface Line {
  /** Without its end. */
  readonly bytes: Buffer;
  /** False of what has no end: the rest of a file, and pieces of what is too long for a record. */
  readonly isWhole: boolean;
}

/** The lines of a file, however long they are. */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(path)) {
    const bytes = Buffer.concat([rest, chunk as Buffer]);
    let start = 0;
    for (let end = bytes.indexOf(LINE_END); end !== -1; end = bytes.indexOf(LINE_END, start)) {
      yield { bytes: bytes.subarray(start, end), isWhole: true };
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > MAX_RECORD_BYTES) {
      yield { bytes: rest, isWhole: false };
      rest = Buffer.alloc(0);
    }
  }
  if (rest.length > 0) yield { bytes: rest, isWhole: false };
}

const LINE_END = 0x0a;
