/** Epoch milliseconds as the log writes a time. (RFC 3339) */
export function timeText(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
