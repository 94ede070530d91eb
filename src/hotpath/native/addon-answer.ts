import { ERROR_CODES, type ErrorCode } from '../../errors/index.js';
import type { RawOutcome } from '../../system/addon/index.js';
import type { Outcome } from '../implementation.js';

/** The addon takes this many items at a time; the pool sends far fewer. */
const MAX_ADDON_BATCH = 1000;

/** Calls the addon with no more items than it takes. */
export function inSlices<T, R>(items: readonly T[], call: (slice: readonly T[]) => readonly R[]): readonly R[] {
  if (items.length <= MAX_ADDON_BATCH) return call(items);
  return [...call(items.slice(0, MAX_ADDON_BATCH)), ...inSlices(items.slice(MAX_ADDON_BATCH), call)];
}

/** An answer of the addon as an outcome. */
export function outcomeOf<T extends readonly [ArrayBuffer, ...unknown[]], V>(
  raw: RawOutcome<T>,
  read: (parts: T) => V,
): Outcome<V> {
  return isFailure(raw) ? { ok: false, code: codeNamed(raw[0]), message: raw[1] } : { ok: true, value: read(raw) };
}

function isFailure<T extends readonly [ArrayBuffer, ...unknown[]]>(raw: RawOutcome<T>): raw is [string, string] {
  return typeof raw[0] === 'string';
}

/** The addon's codes are among ours; a test holds its list against it. */
export function codeNamed(code: unknown): ErrorCode {
  return ERROR_CODES.find((known) => known === code) ?? 'ERR_INTERNAL';
}
