import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RecordedDisk } from './power-cut.js';

/** What changes a disk by synchronous calls. */
const CALLS = 'openat,pwrite64,write,ftruncate,fdatasync,fsync,unlink,mkdir,rmdir';

/** A text of strace with `-xx`: each octet in hex. */
const HEX = '((?:\\\\x[0-9a-f]{2})*)';
const LINE = new RegExp(
  `^(?:(?<open>openat)\\(AT_FDCWD(?:<[^>]*>)?, "${HEX}", (?<flags>[A-Z_|0-9x]+)(?:, \\d+)?\\)` +
    `|(?<call>[a-z0-9]+)\\((?:\\d+<${HEX}>|"${HEX}")(?:, "${HEX}", \\d+(?:, (?<at>\\d+))?|, (?<number>\\d+))?\\)) = \\d+`,
);

function octets(hex = ''): Buffer {
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex');
}

/**
 * Runs a program of Node.js under strace, and writes down what its main thread does to `directory`: for what does not
 * go through `node:fs/promises`. What it writes to the file `promises` in `aside` is promised by then.
 */
export function traceDisk(directory: string, aside: string, program: readonly string[]): RecordedDisk {
  const disk = new RecordedDisk(directory);
  mkdirSync(aside, { recursive: true });
  const [trace, promises] = [join(aside, 'trace'), join(aside, 'promises')];
  execFileSync('strace', [
    '-y',
    '-xx',
    '-s',
    '1000000',
    '-e',
    `trace=${CALLS}`,
    '-o',
    trace,
    process.execPath,
    ...program,
    promises,
  ]);
  for (const line of readFileSync(trace, 'latin1').split('\n')) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const { open, flags = '', call, at, number } = match.groups ?? {};
    const [, , opened, ofDescriptor, , named, content] = [
      match[0],
      match[1],
      match[2],
      match[5],
      '',
      match[6],
      match[7],
    ];
    const path = octets(opened ?? ofDescriptor ?? named).toString();
    if (path === promises && call === 'write') disk.promise(octets(content).toString());
    const below = disk.pathOf(path);
    if (below === undefined || below === '') continue;
    if (open !== undefined) {
      if (flags.includes('O_CREAT')) disk.opened(below);
    } else {
      follow(disk, below, { call, bytes: octets(content), at: Number(at ?? 0), number: Number(number ?? 0) });
    }
  }
  return disk;
}

interface Call {
  readonly call: string | undefined;
  readonly bytes: Buffer;
  readonly at: number;
  readonly number: number;
}

function follow(disk: RecordedDisk, path: string, { call, bytes, at, number }: Call): void {
  switch (call) {
    case 'pwrite64':
      disk.steps.push({ kind: 'write', file: disk.opened(path), at, bytes });
      break;
    case 'ftruncate':
      disk.steps.push({ kind: 'truncate', file: disk.opened(path), size: number });
      break;
    case 'fsync':
    case 'fdatasync':
      disk.steps.push({ kind: 'sync', file: disk.opened(path) });
      break;
    case 'unlink':
    case 'rmdir':
      disk.removed(path);
      break;
    case 'mkdir':
      disk.steps.push({ kind: 'make directory', path });
      break;
    default:
      break;
  }
}
