import { IdentityError } from '../errors/index.js';

/**
 * Flags of Node that open the memory of the process, and so its keys: an inspector on loopback (which a pod shares with
 * its application), heap snapshots and core files on the disk, and reports that hold the environment.
 */
const DEBUG_FLAGS = /^--(inspect|debug|heapsnapshot-|heap-prof|report-|diagnostic-report|abort-on-uncaught-exception)/;

export interface DebugDoorsOptions {
  /** The flags that this Node was started with: `process.execArgv` and the words of `NODE_OPTIONS`. */
  readonly nodeFlags: readonly string[];
  /** `process.on`. */
  readonly onSignal: (signal: 'SIGUSR1', listener: () => void) => void;
}

/**
 * Refuses to hold keys in a process that was started for debugging, and takes SIGUSR1 away from Node, which would start
 * the inspector on it.
 * @throws IdentityError `ERR_CONFIG_INVALID` naming the flag.
 */
export function closeDebugDoors({ nodeFlags, onSignal }: DebugDoorsOptions): void {
  const door = nodeFlags.find((flag) => DEBUG_FLAGS.test(flag));
  if (door !== undefined) {
    throw new IdentityError(
      'ERR_CONFIG_INVALID',
      `node flag: got ${door}, expected none that opens the memory of a process with private keys (see NODE_OPTIONS)`,
    );
  }
  onSignal('SIGUSR1', () => {});
}
