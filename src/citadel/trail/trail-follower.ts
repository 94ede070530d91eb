import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { endOfLines, wholeLines } from './line-reader.js';
import { firstRecordOf, listTrailFiles } from './trail-files.js';
import { decodeRecord, type TrailRecord } from './trail-record.js';

/** Read at a time; far above the longest record. */
const CHUNK_BYTES = 1024 * 1024;

/** A record, and the line that it stands in. */
export interface TrailLine {
  readonly record: TrailRecord;
  /** Without its end. */
  readonly text: string;
}

/**
 * Reads a trail that goes on being written, each record once, oldest first. It holds none against the one before: that
 * is what `trail verify` is for. A file that is removed as too old is passed over.
 */
export class TrailFollower {
  private current: { readonly name: string; offset: number } | undefined;
  private readonly chunk = Buffer.alloc(CHUNK_BYTES);

  /** Begins behind the record with the number `after`; 0: with the oldest that there is. */
  constructor(
    private readonly directory: string,
    private after: number,
  ) {}

  /**
   * What comes next, a chunk of it at most; nothing when all has been read that was written so far.
   * @throws what the system says: there is no such directory, for one.
   */
  async next(): Promise<readonly TrailLine[]> {
    for (;;) {
      const names = await listTrailFiles(this.directory);
      this.current ??= this.begin(names);
      const { current } = this;
      if (current === undefined) return [];
      const lines = await this.read(current);
      if (lines.length > 0) return lines;
      // What has no end in a file that another one follows never gets one. One that is gone follows none.
      const later = names[names.indexOf(current.name) + 1];
      if (later === undefined) return [];
      this.current = { name: later, offset: 0 };
    }
  }

  /** The file that has the record behind the last one, or the oldest. */
  private begin(names: readonly string[]): { name: string; offset: number } | undefined {
    const name = names.findLast((one) => firstRecordOf(one) <= this.after + 1) ?? names[0];
    return name === undefined ? undefined : { name, offset: 0 };
  }

  /** Nothing: there is no whole line behind what was read, or no such file any more. */
  private async read(current: { readonly name: string; offset: number }): Promise<TrailLine[]> {
    for (;;) {
      const chunk = await this.readChunk(join(this.directory, current.name), current.offset);
      const end = endOfLines(chunk);
      // So long a line is no record.
      const used = end === 0 && chunk.length === CHUNK_BYTES ? chunk.length : end;
      if (used === 0) return [];
      current.offset += used;
      const lines = this.linesOf(chunk.subarray(0, end));
      if (lines.length > 0) return lines;
    }
  }

  private linesOf(bytes: Buffer): TrailLine[] {
    const lines: TrailLine[] = [];
    for (const line of wholeLines(bytes)) {
      const record = decodeRecord(line);
      if (record === undefined || record.n <= this.after) continue;
      this.after = record.n;
      lines.push({ record, text: line.toString('utf8') });
    }
    return lines;
  }

  private async readChunk(path: string, offset: number): Promise<Buffer> {
    try {
      const file = await open(path, 'r');
      try {
        const { bytesRead } = await file.read(this.chunk, 0, CHUNK_BYTES, offset);
        return this.chunk.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return this.chunk.subarray(0, 0);
      throw error;
    }
  }
}
