const MS_PER_SECOND = 1e3;
const NS_PER_MS = 1e6;

/**
 * Milliseconds since some moment, on the clock that never goes back or jumps. As `performance.now()` would, but the
 * first use of that loads `node:perf_hooks`, which a health check has no other use for.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * MS_PER_SECOND + nanoseconds / NS_PER_MS;
}
