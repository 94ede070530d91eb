import { createHash } from 'node:crypto';
import { type ErrorCode, IdentityError } from '../../errors/index.js';

/** What may stand in a record; of `undefined` there is no field. */
export type TrailValue = string | number | readonly string[] | undefined;

/** The kinds of records, and what each says. docs/citadel.md has their fields. */
export type TrailEventName =
  /** A Citadel has begun to write. */
  | 'opened'
  | 'issued'
  | 'refused'
  /** A certificate counts no more, though it has not expired. */
  | 'revoked'
  /** Refusals that have no record each, since there were too many. */
  | 'withheld'
  /** Records that were dropped, since the disk took none for too long. */
  | 'lost'
  /** Files that are about to be removed, since they are as old as they may become. */
  | 'removed'
  /** Another authority signs from now on, or other roots are trusted. */
  | 'authority'
  | 'closed';

export interface TrailEvent {
  readonly event: TrailEventName;
  readonly [field: string]: TrailValue;
}

/** Where a trail stands: after so many records, the last of which has this hash. */
export interface TrailPosition {
  readonly n: number;
  /** SHA-256 of the line, without its end; base64url. */
  readonly hash: string;
}

/** Before the first record of all. */
export const BEGINNING: TrailPosition = { n: 0, hash: Buffer.alloc(32).toString('base64url') };

/** A record as it is read back. */
export interface TrailRecord extends TrailEvent {
  /** Counted from 1, without a gap. */
  readonly n: number;
  /** RFC 3339, UTC. */
  readonly time: string;
  /** {@link TrailPosition.hash} of the record before. */
  readonly prev: string;
}

/** No record is longer: readers hold no more of a file that is none of ours. */
export const MAX_RECORD_BYTES = 16 * 1024;

/** The line that follows `after`, with its end; and where the trail stands with it. */
export function encodeRecord(
  event: TrailEvent,
  atMs: number,
  after: TrailPosition,
): { readonly line: string; readonly position: TrailPosition } {
  const n = after.n + 1;
  const line = JSON.stringify({ n, time: new Date(atMs).toISOString(), ...event, prev: after.hash });
  return { line: `${line}\n`, position: { n, hash: hashOf(line) } };
}

/** {@link TrailPosition.hash} of a line without its end. */
export function hashOf(line: string | Buffer): string {
  return createHash('sha256').update(line).digest('base64url');
}

/** The record in a line, `undefined` when there is none. Whether it follows another one is for the caller to see. */
export function decodeRecord(line: Buffer): TrailRecord | undefined {
  try {
    const record: unknown = JSON.parse(line.toString('utf8'));
    return isRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is TrailRecord {
  const { n, time, event, prev } = Object(value);
  return (
    Number.isSafeInteger(n) &&
    n > 0 &&
    typeof event === 'string' &&
    typeof time === 'string' &&
    !Number.isNaN(Date.parse(time)) &&
    typeof prev === 'string'
  );
}

/** A position as people hand it on: `1234:hash`. */
export function positionText({ n, hash }: TrailPosition): string {
  return `${n}:${hash}`;
}

/** @throws IdentityError `code`: it is no {@link positionText}. */
export function parsePosition(text: string, code: ErrorCode): TrailPosition {
  const [, n, hash] = /^(\d{1,15}):([\w-]{43})$/.exec(text) ?? [];
  if (n === undefined || hash === undefined) {
    throw new IdentityError(
      code,
      `got ${JSON.stringify(text)}, expected NUMBER:HASH as a Citadel tells its trail's end`,
    );
  }
  return { n: Number(n), hash };
}
