import type { TrustBundle } from '../../pki/spiffe/index.js';
import { pathError, writeWhole } from '../../system/small-files/index.js';

/** Roots are public. */
const FILE_MODE = 0o644;

/**
 * Writes the roots for the agents of this machine, whole or not at all: no reader sees half of them.
 * @throws IdentityError `ERR_CONFIG_INVALID` when they cannot be written.
 */
export async function writeRootCertificates(path: string, bundle: TrustBundle): Promise<void> {
  try {
    await writeWhole(path, bundle.toPem(), FILE_MODE);
  } catch (error) {
    throw pathError('ERR_CONFIG_INVALID', `--root-cert-out ${path}`, error, 'a file that can be written');
  }
}
