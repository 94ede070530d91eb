import { DerTag, type DerView } from './der-view.js';

/** Octets of YYMMDDhhmmssZ and YYYYMMDDhhmmssZ. */
const UTC_TIME_OCTETS = 13;
const GENERALIZED_TIME_OCTETS = 15;

/** Epoch milliseconds of a UTCTime or GeneralizedTime as DER has it; `undefined` for all else. (RFC 5280 §4.1.2.5) */
export function readTime(view: Pick<DerView, 'tag' | 'content'> | undefined): number | undefined {
  if (view?.tag !== DerTag.utcTime && view?.tag !== DerTag.generalizedTime) return undefined;
  const octets = view.content;
  const isUtcTime = view.tag === DerTag.utcTime;
  if (octets.length !== (isUtcTime ? UTC_TIME_OCTETS : GENERALIZED_TIME_OCTETS)) return undefined;
  if (!isUtcTime) return epochMsOf(100 * twoDigits(octets, 0) + twoDigits(octets, 2), octets, 4);
  const year = twoDigits(octets, 0);
  return epochMsOf(year >= 50 ? 1900 + year : 2000 + year, octets, 2);
}

/** NaN when they are not digits. */
function twoDigits(octets: Buffer, at: number): number {
  return 10 * digit(octets[at]) + digit(octets[at + 1]);
}

function digit(octet = 0): number {
  return octet >= 0x30 && octet <= 0x39 ? octet - 0x30 : Number.NaN;
}

/** `Date.UTC` takes years below 100 for those of the last century. */
const MIN_YEAR = 100;

/** Month, day, hour, minute and second stand at `at`, and `Z` ends it. What is NaN is in no range. */
function epochMsOf(year: number, octets: Buffer, at: number): number | undefined {
  const [month, day] = [twoDigits(octets, at), twoDigits(octets, at + 2)];
  const [hour, minute, second] = [twoDigits(octets, at + 4), twoDigits(octets, at + 6), twoDigits(octets, at + 8)];
  const isInRange = year >= MIN_YEAR && hour <= 23 && minute <= 59 && second <= 59;
  if (!isInRange || octets[at + 10] !== 0x5a) return undefined;
  const epochMs = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(epochMs);
  // Date.UTC takes February 30 for March 2.
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? epochMs : undefined;
}
