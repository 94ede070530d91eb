/** Versions of V8, both inclusive, as major * 100 + minor. */
interface KnownIn {
  readonly from: number;
  readonly to: number;
}

/** The newest V8 in which the flags below were tried: that of Node.js 26. */
const NEWEST_TRIED = 1406;

/**
 * The flags that we set, and the versions of V8 that know them. Node.js 20 has V8 11.3; the first flag left V8 with
 * 11.8.
 */
const FLAGS = {
  'interrupt-budget': { from: 1103, to: 1103 },
  'max-inlined-bytecode-size-cumulative': { from: 1103, to: NEWEST_TRIED },
  'semi-space-growth-factor': { from: 1103, to: NEWEST_TRIED },
} as const satisfies Record<string, KnownIn>;

/** A flag of V8 that this project sets. */
export type V8Flag = keyof typeof FLAGS;

/**
 * Sets a flag of V8 for the whole process, or does nothing in a V8 that is not known to have it: V8 would print an
 * error to stderr, into a log of JSON lines, and there is no way to ask it. The flags are for speed alone.
 */
export function setV8Flag(flag: V8Flag, value: number, version = process.versions.v8): void {
  // Loaded here: a health check sets none.
  if (isFlagKnown(flag, version)) process.getBuiltinModule('node:v8').setFlagsFromString(`--${flag}=${value}`);
}

/** Whether the V8 of this version (`12.4.254.21-node.33`) has the flag. */
export function isFlagKnown(flag: V8Flag, version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const { from, to } = FLAGS[flag];
  const number = major * 100 + minor;
  return number >= from && number <= to;
}
