/** What a JavaScript date can hold, in seconds either side of 1970. (ECMA-262, "Time Values and Time Range") */
const MAX_SECONDS = 8.64e12;

/** A NumericDate in epoch milliseconds; `undefined` when `value` is no number or no point in time. (RFC 7519 §2) */
export function numericDateMs(value: unknown): number | undefined {
  if (typeof value !== 'number') return undefined;
  return value >= -MAX_SECONDS && value <= MAX_SECONDS ? value * 1000 : undefined;
}
