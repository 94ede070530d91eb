import { randomInt } from 'node:crypto';
import { type FileHandle, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { wholeLines } from './line-reader.js';
import { BEGINNING, decodeRecord, hashOf, MAX_RECORD_BYTES, type TrailPosition } from './trail-record.js';

/**
 * Files of a trail are named by the number of their first record, and by chance, so that two Citadels which are told
 * the same directory never write into one.
 */
const NAME = /^trail-(\d{12,15})-([0-9a-f]{8})\.jsonl$/;

const CHANCES = 2 ** 32;

/** Of several files of one number: so many may follow each other that a power cut has left without a record. */
const MAX_CHANCE_STEP = 2 ** 20;

/**
 * A new name for the file that begins with this record. A file of the same number is one whose first record was cut off
 * by a power cut: the new one is listed behind it, as its first record tells of what was cut.
 */
export function trailFileName(firstRecord: number, names: readonly string[]): string {
  const last = names.findLast((name) => firstRecordOf(name) === firstRecord);
  const after = last === undefined ? -1 : Number.parseInt(NAME.exec(last)?.[2] ?? '', 16);
  const end = last === undefined ? CHANCES / 2 : Math.min(after + MAX_CHANCE_STEP, CHANCES);
  const chance = after + 1 < end ? randomInt(after + 1, end) : after;
  return `trail-${String(firstRecord).padStart(12, '0')}-${chance.toString(16).padStart(8, '0')}.jsonl`;
}

/** The number of the first record of a file of this name; NaN of a name that is no trail's. */
export function firstRecordOf(name: string): number {
  return Number(NAME.exec(name)?.[1]);
}

/** The names of the files of a trail, oldest first. Whatever else is in the directory is left alone. */
export async function listTrailFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  const numbered = names.filter((name) => NAME.test(name)).map((name) => ({ name, first: firstRecordOf(name) }));
  numbered.sort((a, b) => a.first - b.first || (a.name < b.name ? -1 : 1));
  return numbered.map(({ name }) => name);
}

/** Where what is in a directory ends. */
export interface TrailEnd {
  readonly position: TrailPosition;
  /** Octets behind the last good record: what was being written when the power went. */
  readonly tornBytes: number;
}

/**
 * Looks for the last good record, in the newest file first.
 * @throws what reading does.
 */
export async function findTrailEnd(directory: string): Promise<TrailEnd> {
  let tornBytes = 0;
  for (const name of (await listTrailFiles(directory)).reverse()) {
    const end = await endOfFile(join(directory, name));
    tornBytes += end.tornBytes;
    if (end.position !== undefined) return { position: end.position, tornBytes };
  }
  return { position: BEGINNING, tornBytes };
}

/** As much of a file's end is looked through; a write that was cut has no more. */
const TAIL_BYTES = 16 * 1024 * 1024;

/**
 * Of a write that was cut, later lines may be there and earlier ones not: the last record is one that follows others.
 */
async function endOfFile(path: string): Promise<{ position: TrailPosition | undefined; tornBytes: number }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    await readFully(file, tail, size - tail.length);
    const lines = wholeLines(tail);
    // Of a longer file the first line is the end of one.
    let start = tail.length === size ? 0 : (lines.next().value?.length ?? -1) + 1;
    let position: TrailPosition | undefined;
    for (const line of lines) {
      const record = line.length > MAX_RECORD_BYTES ? undefined : decodeRecord(line);
      if (record === undefined || (position !== undefined && record.prev !== position.hash)) break;
      position = { n: record.n, hash: hashOf(line) };
      start += line.length + 1;
    }
    return { position, tornBytes: position === undefined ? size : tail.length - start };
  } finally {
    await file.close();
  }
}

async function readFully(file: FileHandle, into: Buffer, position: number): Promise<void> {
  let read = 0;
  while (read < into.length) {
    const { bytesRead } = await file.read(into, read, into.length - read, position + read);
    if (bytesRead === 0) return;
    read += bytesRead;
  }
}

/** Those of `names` that nothing was written to since `beforeMs`, epoch milliseconds: only from the oldest on. */
export async function filesOlderThan(directory: string, names: readonly string[], beforeMs: number): Promise<string[]> {
  const old: string[] = [];
  for (const name of names) {
    const { mtimeMs } = await stat(join(directory, name));
    if (mtimeMs >= beforeMs) break;
    old.push(name);
  }
  return old;
}

/** The position after the last record of `name`; `undefined` when it has none. */
export async function positionAfter(directory: string, name: string): Promise<TrailPosition | undefined> {
  return (await endOfFile(join(directory, name))).position;
}

export async function removeFiles(directory: string, names: readonly string[]): Promise<void> {
  for (const name of names) await unlink(join(directory, name));
}
