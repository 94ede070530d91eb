import { Signer } from '../../hotpath/index.js';
import type { AuthorityFileNames } from './authority-directory.js';
import { wipeKeys } from './authority-sets.js';
import { type AuthorityFileSet, NEXT, OLD } from './root-rotation.js';

/**
 * During a change of the root the key that is to sign next, or that has signed before: beside the one in use. None
 * otherwise. Wipes the keys of `files`.
 * @throws IdentityError `ERR_SIGNER_INVALID`.
 */
export function otherSigners(files: AuthorityFileSet): readonly Signer[] {
  try {
    return [NEXT, OLD].flatMap((names) => signerOf(files, names) ?? []);
  } finally {
    wipeKeys(files);
  }
}

function signerOf(files: AuthorityFileSet, { caCert, caKey }: Pick<AuthorityFileNames, 'caCert' | 'caKey'>) {
  const [certificate, key] = [files.get(caCert), files.get(caKey)];
  if (certificate === undefined || key === undefined) return undefined;
  return Signer.load(certificate, key, { certificate: caCert, privateKey: caKey });
}
