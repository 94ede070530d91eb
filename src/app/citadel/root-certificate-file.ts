import { rename, rm, writeFile } from 'node:fs/promises';
import { wrapError } from '../../errors/index.js';
import type { TrustBundle } from '../../spiffe/index.js';

/**
 * Writes the roots for the agents of this machine: beside the file first, then renamed over it, so that nobody reads
 * half of it.
 * @throws IdentityError `ERR_CONFIG_INVALID` when it cannot be written.
 */
export async function writeRootCertificates(path: string, bundle: TrustBundle): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, bundle.toPem(), { mode: 0o644 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw wrapError('ERR_CONFIG_INVALID', `--root-cert-out ${path}`, error);
  }
}
