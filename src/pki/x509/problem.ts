/** Why a certificate is of no use: "got …, expected …". */
export interface Problem {
  readonly got: string;
  readonly expected: string;
}

/** RFC 5280 §4.1.2.5, as people and the log read it. */
export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
