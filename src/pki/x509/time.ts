import { DerTag, type DerView } from './der-view.js';

/** Epoch milliseconds of a UTCTime or GeneralizedTime as DER has it; `undefined` for all else. (RFC 5280 §4.1.2.5) */
export function readTime(view: DerView | undefined): number | undefined {
  const text = view?.content.toString('latin1') ?? '';
  if (view?.tag === DerTag.utcTime) {
    const isNineties = text.slice(0, 2) >= '50';
    return epochMsOf(`${isNineties ? '19' : '20'}${text}`);
  }
  return view?.tag === DerTag.generalizedTime ? epochMsOf(text) : undefined;
}

/** `Date.UTC` takes years below 100 for those of the last century. */
const MIN_YEAR = 100;

function epochMsOf(text: string): number | undefined {
  if (!/^\d{14}Z$/.test(text)) return undefined;
  const part = (at: number, length = 2): number => Number(text.slice(at, at + length));
  const [year, month, day, hour, minute, second] = [part(0, 4), part(4), part(6), part(8), part(10), part(12)];
  if (year < MIN_YEAR || hour > 23 || minute > 59 || second > 59) return undefined;
  const epochMs = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(epochMs);
  // Date.UTC takes February 30 for March 2.
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? epochMs : undefined;
}
