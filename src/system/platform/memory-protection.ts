import { readFileSync, writeFileSync } from 'node:fs';
import { messageOf } from '../../errors/index.js';
import { forbidDumping } from './system-door.js';

/** What the memory of this process is closed to. */
export interface MemoryProtection {
  /** No core file, or one without memory. */
  readonly isKeptOutOfCoreFiles: boolean;
  /** Other processes of this user, without more privileges than this one, are refused. */
  readonly isClosedToOthers: boolean;
  /** Why it is not. */
  readonly reason?: string;
}

/** What this module asks of the system. Tests give others. */
export interface ProtectionCalls {
  /** @throws where there is no /proc, or nothing may be written to it. */
  writeCoreFilter(bits: string): void;
  /** @throws IdentityError without the addon, or when the system refuses. */
  forbidDumping(): void;
  /** @throws where that does not help, or is not allowed. */
  changeCredentials(): void;
}

const SYSTEM: ProtectionCalls = {
  writeCoreFilter: (bits) => writeFileSync('/proc/self/coredump_filter', bits),
  forbidDumping,
  changeCredentials,
};

/**
 * Closes the memory of this process as far as the platform lets; to be called before the first key is read or made.
 * Never throws.
 *
 * Of any core file the kernel then leaves all memory out (core(5), "Controlling which mappings are written"): that
 * needs no addon, but /proc. With the addon there is no core file, and no tracing (prctl(2), PR_SET_DUMPABLE). Without
 * it, a process that may change its group has the same by doing so for a moment.
 */
export function protectMemory({ usesAddon }: { readonly usesAddon: boolean }, calls = SYSTEM): MemoryProtection {
  // First: what is not dumpable has files below /proc that are root's.
  const filterProblem = problemOf(() => calls.writeCoreFilter('0'));
  const addonProblem = usesAddon ? problemOf(calls.forbidDumping) : 'the addon is not used';
  if (addonProblem === undefined) return { isKeptOutOfCoreFiles: true, isClosedToOthers: true };
  const credentialProblem = problemOf(calls.changeCredentials);
  const isKeptOutOfCoreFiles = filterProblem === undefined;
  if (credentialProblem === undefined) return { isKeptOutOfCoreFiles, isClosedToOthers: true };
  const problems = [addonProblem, credentialProblem, ...(filterProblem === undefined ? [] : [filterProblem])];
  return { isKeptOutOfCoreFiles, isClosedToOthers: false, reason: problems.join('; ') };
}

/**
 * Linux takes the permission to dump and to trace from a process whose effective group changes, and does not give it
 * back. (prctl(2), PR_SET_DUMPABLE: "the process's effective user or group ID is changed") It becomes what
 * fs.suid_dumpable says: 1 is a setting for debugging.
 */
function changeCredentials(): void {
  const { getegid, geteuid, setegid } = process;
  if (process.platform !== 'linux' || getegid === undefined || geteuid === undefined || setegid === undefined) {
    throw new Error('this system has no such thing, only Linux');
  }
  if (geteuid() !== 0) throw new Error('only root may change its group');
  if (readFileSync('/proc/sys/fs/suid_dumpable', 'latin1').trim() === '1') throw new Error('fs.suid_dumpable is 1');
  const own = getegid();
  setegid(own === 0 ? 1 : 0);
  setegid(own);
}

function problemOf(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
