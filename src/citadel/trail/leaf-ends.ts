import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere, writeWhole } from '../../system/small-files/index.js';
import type { TrailEvent } from './trail-record.js';

/** What a file of a trail says of leaves, as short as may be. Times in epoch milliseconds. */
export interface FileSummary {
  /** The octets that were read for it: a file that has become longer is another one. */
  readonly size: number;
  /** Since when all that was issued is known, by its first record. */
  readonly begunMs: number;
  /** When the last of its leaves expires; 0 without any. */
  readonly untilMs: number;
  /** When records were dropped for the last time; 0: none was. */
  readonly lostMs: number;
}

/** Sums a file up as its records come. */
export class FileSumming {
  private begunMs = 0;
  private untilMs = 0;
  private lostMs = 0;

  /** `time`: of the record, in RFC 3339. */
  take({ event, not_after: notAfter, known_since: knownSince }: TrailEvent, time: string): void {
    if (this.begunMs === 0) this.begunMs = msOf(knownSince ?? time);
    if (event === 'issued') this.untilMs = Math.max(this.untilMs, msOf(notAfter));
    if (event === 'lost') this.lostMs = msOf(time);
  }

  summary(size: number): FileSummary {
    const { begunMs, untilMs, lostMs } = this;
    return { size, begunMs, untilMs, lostMs };
  }
}

function msOf(time: unknown): number {
  return Date.parse(String(time)) || 0;
}

/** Beside the files of the trail; hidden, since it says nothing that they do not. It may be removed. */
const NAME = '.leaf-ends.json';

const FILE_MODE = 0o600;

/** Some 150 octets for each file of 64 MB. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * The summaries that are kept beside a trail, of those of its files that are as they were then. A trail of a year need
 * not be read whole for the leaves of a day. Never rejects: what is not there, or not to be read, is none.
 */
export async function readLeafEnds(directory: string, names: readonly string[]): Promise<Map<string, FileSummary>> {
  const found = new Map<string, FileSummary>();
  try {
    const kept = await keptIn(directory);
    for (const name of names) {
      const summary: unknown = kept[name];
      if (isSummary(summary) && (await stat(join(directory, name))).size === summary.size) found.set(name, summary);
    }
  } catch {
    // All of the trail is read then.
  }
  return found;
}

/** Keeps more of them, and none of files that are gone. Never rejects: without them more is read the next time. */
export async function keepLeafEnds(
  directory: string,
  names: readonly string[],
  more: ReadonlyMap<string, FileSummary>,
): Promise<void> {
  try {
    const kept = await keptIn(directory).catch(() => ({}));
    const entries = Object.entries({ ...kept, ...Object.fromEntries(more) }).filter(([name]) => names.includes(name));
    await writeWhole(join(directory, NAME), Buffer.from(`${JSON.stringify(Object.fromEntries(entries))}\n`), FILE_MODE);
  } catch {
    // A disk that is full, for one: the trail itself tells of that.
  }
}

async function keptIn(directory: string): Promise<Readonly<Record<string, unknown>>> {
  const path = join(directory, NAME);
  const file = await readIfThere(path, { what: path, code: 'ERR_TRAIL_UNAVAILABLE', maxBytes: MAX_BYTES });
  return file === undefined ? {} : Object(JSON.parse(file.content.toString('utf8')));
}

function isSummary(value: unknown): value is FileSummary {
  const { size, begunMs, untilMs, lostMs } = Object(value);
  return [size, begunMs, untilMs, lostMs].every(Number.isFinite);
}
