const UNIT_NS = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 } as const;

/** Both signs for micro: the one of its own, and the Greek letter. */
const DURATION = /^\+?((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/;
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

const NS_PER_MS = 1e6;

/**
 * A Go duration (`24h`, `1h30m`, `1.5s`, `100ms`) in milliseconds, rounded; `undefined` when it is none, or below zero.
 * (Go, time.ParseDuration)
 */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0;
  return DURATION.test(text) ? whole(sumNs(text) / NS_PER_MS) : undefined;
}

/** The same in nanoseconds, for what is shorter than a millisecond. */
export function parseDurationNs(text: string): number | undefined {
  return DURATION.test(text) ? whole(sumNs(text)) : undefined;
}

function sumNs(text: string): number {
  let totalNs = 0;
  for (const [, amount, unit] of text.matchAll(PART)) totalNs += Number(amount) * UNIT_NS[unit as keyof typeof UNIT_NS];
  return totalNs;
}

function whole(value: number): number | undefined {
  return Number.isSafeInteger(Math.round(value)) ? Math.round(value) : undefined;
}
