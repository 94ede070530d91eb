/** The versions of V8, as major * 100 + minor, of the lines of Node.js that we were measured with. */
const NODE_20 = 1103;
const NODE_22 = 1204;
const NODE_24 = 1306;
const NODE_26 = 1406;

/**
 * The flags that we set, and where each earns something. (docs/adr/0030-node-26.md) V8 knows the first one up to 11.7
 * and prints an error when it is set in a later one.
 */
const FLAGS = {
  'interrupt-budget': [NODE_20],
  'max-inlined-bytecode-size-cumulative': [NODE_20, NODE_26],
  'semi-space-growth-factor': [NODE_20, NODE_22, NODE_24, NODE_26],
  'heap-growing-percent': [NODE_20, NODE_22, NODE_24, NODE_26],
} as const satisfies Record<string, readonly number[]>;

/** A flag of V8 that this project sets. */
export type V8Flag = keyof typeof FLAGS;

/** A V8, as far as its flags go. */
interface Engine {
  /** `12.4.254.21-node.33` */
  readonly version: string;
  setFlag(text: string): void;
}

const OWN_V8: Engine = {
  version: process.versions.v8,
  // Loaded here: a health check sets none.
  setFlag: (text) => process.getBuiltinModule('node:v8').setFlagsFromString(text),
};

/**
 * Sets a flag of V8 for the whole process, or does nothing in a V8 that is not known to have it: V8 would print an
 * error to stderr, into a log of JSON lines, and there is no way to ask it. The flags are for speed alone.
 */
export function setV8Flag(flag: V8Flag, value: number, v8: Engine = OWN_V8): void {
  if (isFlagKnown(flag, v8.version)) v8.setFlag(`--${flag}=${value}`);
}

/** Whether the flag earns something in the V8 of this version (`12.4.254.21-node.33`). */
function isFlagKnown(flag: V8Flag, version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const earning: readonly number[] = FLAGS[flag];
  return earning.includes(major * 100 + minor);
}
