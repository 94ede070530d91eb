const UNIT_NS = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 } as const;

const WHOLE = /^(\d+(\.\d+)?(ms|s|m|h))+$/;
const WHOLE_FINE = /^(\d+(\.\d+)?(ns|us|ms|s|m|h))+$/;
const PART = /(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g;

const NS_PER_MS = 1e6;

/**
 * A Go duration (`24h`, `1h30m`, `1.5s`, `100ms`) in milliseconds; `undefined` when it is none. (Go,
 * time.ParseDuration)
 */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0;
  return WHOLE.test(text) ? whole(sumNs(text) / NS_PER_MS) : undefined;
}

/** The same in nanoseconds, and with `us` and `ns`, for what is shorter than a millisecond. */
export function parseDurationNs(text: string): number | undefined {
  return WHOLE_FINE.test(text) ? whole(sumNs(text)) : undefined;
}

function sumNs(text: string): number {
  let totalNs = 0;
  for (const [, amount, unit] of text.matchAll(PART)) totalNs += Number(amount) * UNIT_NS[unit as keyof typeof UNIT_NS];
  return totalNs;
}

function whole(value: number): number | undefined {
  return Number.isSafeInteger(Math.round(value)) ? Math.round(value) : undefined;
}
