import { join } from 'node:path';
import { pathError } from '../../system/small-files/index.js';
import { linesOf } from './line-reader.js';
import { listTrailFiles } from './trail-files.js';
import {
  BEGINNING,
  decodeRecord,
  hashOf,
  MAX_RECORD_BYTES,
  positionText,
  type TrailPosition,
  type TrailRecord,
} from './trail-record.js';

/** What {@link verifyTrail} has found. */
export interface TrailReport {
  readonly files: number;
  readonly records: number;
  readonly first: { readonly n: number; readonly time: string } | undefined;
  readonly last: { readonly n: number; readonly time: string; readonly head: string } | undefined;
  /** How many of each kind. */
  readonly events: Readonly<Record<string, number>>;
  /** What is no fault and worth knowing: each a sentence. */
  readonly notes: readonly string[];
  /** The first that is not as a Citadel has written it; `undefined` when all is. */
  readonly fault: TrailFault | undefined;
}

export interface TrailFault {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** What is there, and what was expected. */
  readonly what: string;
}

/**
 * Reads a trail from its first record to its last, and holds each against the hash in the next one. `head` is a
 * position that a Citadel has told of: the trail must reach it, which is how a cut at the end is found.
 * @throws IdentityError `ERR_TRAIL_UNAVAILABLE`: the directory cannot be read, or has no trail.
 */
export async function verifyTrail(directory: string, head?: TrailPosition): Promise<TrailReport> {
  try {
    const names = await listTrailFiles(directory);
    if (names.length === 0) throw new Error('no file of a trail in it');
    const verification = new Verification(head);
    for (const name of names) {
      await verification.read(directory, name);
      if (verification.fault !== undefined) break;
    }
    return verification.report(names.length);
  } catch (error) {
    throw pathError('ERR_TRAIL_UNAVAILABLE', `trail ${directory}`, error, 'a directory with the trail of a Citadel');
  }
}

/** Where records before the first that is here ended, as a `removed` record has to say. */
type Removed = TrailPosition & { readonly file: string };

interface Torn {
  readonly fault: TrailFault;
  bytes: number;
  hasLineEnd: boolean;
}

class Verification {
  fault: TrailFault | undefined;
  private position: TrailPosition | undefined;
  private first: TrailRecord | undefined;
  private last: TrailRecord | undefined;
  private records = 0;
  private readonly events: Record<string, number> = {};
  private readonly notes: string[] = [];
  private removed: Removed | undefined;
  private wasRemovalSaid = false;
  private hasReachedHead = false;
  /** What is behind the last good record so far: a write that was cut, if the next record says so. */
  private torn: Torn | undefined;

  constructor(private readonly head: TrailPosition | undefined) {}

  async read(directory: string, name: string): Promise<void> {
    let line = 0;
    let torn = 0;
    for await (const { bytes, isWhole } of linesOf(join(directory, name))) {
      line += 1;
      if (torn === 0 && isWhole && this.takes(bytes, name, line)) continue;
      if (this.fault !== undefined) return;
      torn += bytes.length + (isWhole ? 1 : 0);
      const what = isWhole ? 'no record' : `${bytes.length} octets without an end`;
      this.torn ??= {
        fault: { file: name, line, what: `got ${what}, expected a record` },
        bytes: 0,
        hasLineEnd: false,
      };
      this.torn.hasLineEnd ||= isWhole;
    }
    if (this.torn !== undefined) this.torn.bytes += torn;
  }

  report(files: number): TrailReport {
    const { first, last, records, events, torn } = this;
    if (this.fault === undefined && torn !== undefined) this.endsTorn(torn);
    if (this.fault === undefined) this.checkEnds();
    const end = this.position;
    return {
      files,
      records,
      first: first && { n: first.n, time: first.time },
      last: last && end && { n: last.n, time: last.time, head: positionText(end) },
      events,
      notes: this.notes,
      fault: this.fault,
    };
  }

  /** True when the line is the next record; false when it may be what a power cut has left. */
  private takes(bytes: Buffer, file: string, line: number): boolean {
    const record = bytes.length > MAX_RECORD_BYTES ? undefined : decodeRecord(bytes);
    if (record === undefined) return false;
    const problem = this.problemOf(record, file);
    if (problem !== undefined) {
      this.fault = { file, line, what: problem };
      return false;
    }
    this.count(record, { n: record.n, hash: hashOf(bytes) });
    return true;
  }

  private problemOf(record: TrailRecord, file: string): string | undefined {
    const { position, torn } = this;
    if (position === undefined) this.removed = { n: record.n - 1, hash: record.prev, file };
    else if (record.n !== position.n + 1) return `got record ${record.n}, expected ${position.n + 1}`;
    else if (record.prev !== position.hash) {
      return `record ${record.n} follows another record ${position.n} than the one before it: one of the two was changed`;
    }
    if (torn !== undefined) {
      const said = record.event === 'opened' ? (record.torn_bytes ?? 0) : 0;
      if (said !== torn.bytes) return `${torn.bytes} octets before it are no record, and it tells of ${said}`;
      this.notes.push(`${torn.fault.file}: the last ${torn.bytes} octets were being written when that Citadel ended`);
      this.torn = undefined;
    }
    return undefined;
  }

  private count(record: TrailRecord, position: TrailPosition): void {
    this.position = position;
    this.records += 1;
    this.first ??= record;
    this.last = record;
    this.events[record.event] = (this.events[record.event] ?? 0) + 1;
    const { removed, head } = this;
    if (removed !== undefined && record.event === 'removed') this.wasRemovalSaid ||= tellsOf(removed, record);
    if (head !== undefined && position.n === head.n) {
      this.hasReachedHead = position.hash === head.hash;
    }
  }

  /** Half a line is what a write leaves that goes on, or was cut; whole ones are not. */
  private endsTorn({ fault, bytes, hasLineEnd }: Torn): void {
    if (hasLineEnd) this.fault = fault;
    else this.notes.push(`${fault.file}: the last ${bytes} octets are being written, or were when that Citadel ended`);
  }

  /** What is missing before the first record, and behind the last. */
  private checkEnds(): void {
    const { removed, head, position } = this;
    if (removed !== undefined && removed.n > 0) {
      if (this.wasRemovalSaid) this.notes.push(`records 1 to ${removed.n} were removed, as they had become old enough`);
      else
        this.fault = {
          file: removed.file,
          line: 1,
          what: `records 1 to ${removed.n} are missing, and no record says why`,
        };
    } else if (removed !== undefined && removed.hash !== BEGINNING.hash) {
      this.fault = { file: removed.file, line: 1, what: 'the first record follows another one, which is missing' };
    }
    if (this.fault !== undefined || head === undefined || this.hasReachedHead) return;
    const what =
      position !== undefined && position.n >= head.n
        ? `record ${head.n} is another one than that of ${positionText(head)}`
        : `the trail ends at record ${position?.n ?? 0}, expected ${head.n} at least`;
    this.fault = { file: '', line: 0, what };
  }
}

/**
 * Whether a record says that those up to `gone` were to be removed. A power cut may have left the later ones of them:
 * these are in the chain themselves.
 */
function tellsOf(gone: TrailPosition, { through, hash }: TrailRecord): boolean {
  return through === gone.n ? hash === gone.hash : Number(through) > gone.n;
}
