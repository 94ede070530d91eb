import { IdentityError } from '../../errors/index.js';
import { loadAddon } from '../addon/index.js';

/** The process at the other end of a Unix socket, as it was when it connected: told by the kernel, not by the peer. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Why the system was not asked, or what it has answered. */
export type PeerAnswer =
  | { readonly kind: 'known'; readonly peer: PeerCredentials }
  | { readonly kind: 'unknown'; readonly reason: string };

/**
 * Who is at the other end of the Unix socket with this file descriptor. (SO_PEERCRED in unix(7)) `unknown` without the
 * addon, on other systems than Linux, and for what is no Unix socket. Takes microseconds; never throws.
 */
export function peerCredentials(descriptor: number): PeerAnswer {
  const load = loadAddon();
  if (load.kind === 'absent') return { kind: 'unknown', reason: load.reason };
  try {
    return { kind: 'known', peer: load.addon.peerCredentials(descriptor) };
  } catch (error) {
    return { kind: 'unknown', reason: String(Object(error).message) };
  }
}

/**
 * Has this process killed when the one that has started it ends, however that ends and whatever hangs here, and at
 * once when it has ended already. (PR_SET_PDEATHSIG in prctl(2)) Nothing without the addon, or elsewhere than on Linux.
 */
export function endWithParent(parentPid: number): void {
  const load = loadAddon();
  if (load.kind !== 'absent') load.addon.endWithParent(parentPid);
}

/**
 * Keeps this process from leaving core files, and from being traced or read by others of its own user.
 * (PR_SET_DUMPABLE in prctl(2), RLIMIT_CORE in setrlimit(2)) Also makes its files below /proc root's.
 * @throws IdentityError `ERR_INTERNAL` without the addon, or where the system has no such thing: with the reason.
 */
export function forbidDumping(): void {
  const load = loadAddon();
  if (load.kind === 'absent') throw new IdentityError('ERR_INTERNAL', `forbidding core dumps: ${load.reason}`);
  try {
    load.addon.forbidDumping();
  } catch (cause) {
    throw new IdentityError('ERR_INTERNAL', String(Object(cause).message), { cause });
  }
}
