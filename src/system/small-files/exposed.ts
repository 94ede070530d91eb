import { realpath, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

const READABLE_BY_OTHERS = 0o004;

/**
 * Whether every user of this machine may read a file that holds a secret: worth a warning. Group is how a pod's
 * `fsGroup` gives a file to its containers. On a volume of the kubelet (links through a directory whose name begins
 * with `..`) 0644 is the default, and there only the containers that mount it can reach it. (Kubernetes, "Secrets",
 * default mode)
 */
export async function isReadableByAll(path: string, mode: number): Promise<boolean> {
  if ((mode & READABLE_BY_OTHERS) === 0) return false;
  const real = await realpath(path).catch(() => path);
  return !basename(dirname(real)).startsWith('..');
}

/** The same of a file as it stands now; false for one that is not there. */
export async function isExposed(path: string): Promise<boolean> {
  const state = await stat(path).catch(() => undefined);
  return state !== undefined && isReadableByAll(path, state.mode);
}
