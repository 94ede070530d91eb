/** Why a certificate is of no use: "got …, expected …". */
export interface Problem {
  readonly got: string;
  readonly expected: string;
  /** Which rule it breaks, where a path is looked at: for those who say what to do about it. */
  readonly fault?: PathFault;
}

/** The rules of a path that a certificate may break. */
export type PathFault =
  | 'expired'
  | 'not-yet-valid'
  | 'no-ca'
  | 'key-usage'
  | 'extended-key-usage'
  | 'name-constraints'
  | 'path-length'
  | 'critical-extension'
  | 'weak-key'
  | 'weak-signature'
  | 'policy';

/** RFC 5280 §4.1.2.5, as people and the log read it. */
export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
