/** On a small file system of its own: what becomes of an output directory when it is full, and when it is read-only. */
import { execFileSync } from 'node:child_process';
import { readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OutputDirectory } from '../../src/agent/output/index.js';
import { entriesOf, mismatchOf, readByName, svidFiles } from './output-sets.js';

const path = process.argv[2] ?? '';
const filler = join(path, 'filler');
const directory = new OutputDirectory(path, { mode: 0o600, now: Date.now });
const failure = (): Promise<string> =>
  directory.write(svidFiles()).then(
    () => 'written',
    (error: Error) => error.message,
  );

await directory.write(svidFiles());
const first = readByName(path).chain;
const isKept = (): boolean => readByName(path).chain === first && mismatchOf(readByName(path)) === undefined;
for (let bytes = 64 * 1024; bytes >= 1024; bytes /= 2) {
  try {
    writeFileSync(filler, Buffer.alloc(bytes), { flag: 'a' });
  } catch {
    // A part of it found room.
  }
}
const full = await failure();
const current = readlinkSync(join(path, '..data'));
const leftWhenFull = entriesOf(path).filter((name) => /^\.\.(2|link)/.test(name) && name !== current).length;
const keptWhenFull = isKept();
rmSync(filler);
await directory.write(svidFiles());
const second = readByName(path).chain;
execFileSync('mount', ['-o', 'remount,ro', path]);
const readOnly = await failure();
process.stdout.write(
  JSON.stringify({
    ...{ inMemory: await directory.isInMemory(), full, keptWhenFull, leftWhenFull },
    ...{ writtenWhenThereIsRoom: second !== first, readOnly, keptWhenReadOnly: readByName(path).chain === second },
  }),
);
