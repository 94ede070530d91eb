import { join } from 'node:path';
import { pathError } from '../../system/small-files/index.js';
import { linesOf } from './line-reader.js';
import { filesOlderThan, listTrailFiles } from './trail-files.js';
import { decodeRecord, type TrailRecord } from './trail-record.js';

/**
 * The records of a trail, oldest first, without holding them against each other: that is what `trail verify` is for.
 * What is no record is left out. Files that were not written to since `writtenSinceMs`, epoch milliseconds, are passed
 * over, and so are lines without `text`: to look for it is ten times as fast as to read them.
 * @throws IdentityError `ERR_TRAIL_UNAVAILABLE`: the directory cannot be read, or has no trail.
 */
export async function* readTrail(directory: string, writtenSinceMs = 0, text = ''): AsyncGenerator<TrailRecord> {
  try {
    const names = await listTrailFiles(directory);
    if (names.length === 0) throw new Error('no file of a trail in it');
    const old = await filesOlderThan(directory, names, writtenSinceMs);
    for (const name of names.slice(old.length)) {
      for await (const { bytes, isWhole } of linesOf(join(directory, name))) {
        const record = isWhole && bytes.includes(text) ? decodeRecord(bytes) : undefined;
        if (record !== undefined) yield record;
      }
    }
  } catch (error) {
    throw pathError('ERR_TRAIL_UNAVAILABLE', `trail ${directory}`, error, 'a directory with the trail of a Citadel');
  }
}
