import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathError } from '../../system/small-files/index.js';
import { type FileSummary, FileSumming, keepLeafEnds, readLeafEnds } from './leaf-ends.js';
import { linesOf } from './line-reader.js';
import { listTrailFiles } from './trail-files.js';
import { decodeRecord, type TrailRecord } from './trail-record.js';

/**
 * The records of a trail, oldest first, without holding them against each other: that is what `trail verify` is for.
 * What is no record is left out.
 * @throws IdentityError `ERR_TRAIL_UNAVAILABLE`: the directory cannot be read, or has no trail.
 */
export async function* readTrail(directory: string): AsyncGenerator<TrailRecord> {
  try {
    for (const name of await filesOf(directory)) yield* recordsOf(join(directory, name));
  } catch (error) {
    throw unavailable(directory, error);
  }
}

/**
 * Those of leaves that were issued and have not expired by `nowMs`, epoch milliseconds, as far as a line has `text`: to
 * look for it is ten times as fast as to read the line. Files of which it is known that all their leaves have expired
 * are passed over.
 * @throws IdentityError as {@link readTrail} does.
 */
export async function* findValidLeaves(directory: string, nowMs: number, text: string): AsyncGenerator<TrailRecord> {
  try {
    const names = await filesOf(directory);
    const known = await readLeafEnds(directory, names);
    for (const name of names) {
      if ((known.get(name)?.untilMs ?? Number.POSITIVE_INFINITY) < nowMs) continue;
      for await (const record of recordsOf(join(directory, name), text)) if (isValidLeaf(record, nowMs)) yield record;
    }
  } catch (error) {
    throw unavailable(directory, error);
  }
}

/**
 * Gives `take` each leaf that has not expired by `nowMs`, and keeps beside the trail which files have none, so that the
 * next time they are passed over. Resolves with the time since when all that was issued is in the trail, epoch
 * milliseconds.
 * @throws IdentityError as {@link readTrail} does.
 */
export async function readValidLeaves(
  directory: string,
  nowMs: number,
  take: (leaf: TrailRecord) => void,
): Promise<number | undefined> {
  try {
    const names = await filesOf(directory);
    const known = await readLeafEnds(directory, names);
    const fresh = new Map<string, FileSummary>();
    let sinceMs: number | undefined;
    for (const name of names) {
      let summary = known.get(name);
      if (summary === undefined || summary.untilMs >= nowMs) {
        summary = await sumUp(join(directory, name), (record) => {
          if (isValidLeaf(record, nowMs)) take(record);
        });
        // The last one is being written to.
        if (name !== names.at(-1)) fresh.set(name, summary);
      }
      // Of records that were dropped it is not known who got the certificates.
      if (summary.begunMs > 0) sinceMs = summary.lostMs > 0 ? summary.lostMs : (sinceMs ?? summary.begunMs);
    }
    if ([...fresh.keys()].some((name) => !known.has(name))) await keepLeafEnds(directory, names, fresh);
    return sinceMs;
  } catch (error) {
    throw unavailable(directory, error);
  }
}

async function sumUp(path: string, take: (record: TrailRecord) => void): Promise<FileSummary> {
  // Before it is read: what comes meanwhile makes it another file.
  const { size } = await stat(path);
  const sums = new FileSumming();
  for await (const record of recordsOf(path)) {
    sums.take(record, record.time);
    take(record);
  }
  return sums.summary(size);
}

function isValidLeaf({ event, not_after: notAfter }: TrailRecord, nowMs: number): boolean {
  return event === 'issued' && Date.parse(String(notAfter)) >= nowMs;
}

async function* recordsOf(path: string, text = ''): AsyncGenerator<TrailRecord> {
  for await (const { bytes, isWhole } of linesOf(path)) {
    const record = isWhole && bytes.includes(text) ? decodeRecord(bytes) : undefined;
    if (record !== undefined) yield record;
  }
}

async function filesOf(directory: string): Promise<string[]> {
  const names = await listTrailFiles(directory);
  if (names.length === 0) throw new Error('no file of a trail in it');
  return names;
}

function unavailable(directory: string, error: unknown): Error {
  return pathError('ERR_TRAIL_UNAVAILABLE', `trail ${directory}`, error, 'a directory with the trail of a Citadel');
}
