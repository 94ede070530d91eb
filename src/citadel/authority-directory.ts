import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { IdentityError, wrapError } from '../errors/index.js';

/** The content of the four files that make a CA. (reference: Istio C23) */
export interface AuthorityFiles {
  readonly caCert: Buffer;
  /** Holds the private key: wipe it. */
  readonly caKey: Buffer;
  readonly certChain: Buffer;
  readonly rootCert: Buffer;
}

/** The key comes first: with it alone a directory is incomplete and refused, never silently replaced by a fresh root. */
const FILES = [
  { part: 'caKey', name: 'ca-key.pem', mode: 0o600 },
  { part: 'caCert', name: 'ca-cert.pem', mode: 0o644 },
  { part: 'certChain', name: 'cert-chain.pem', mode: 0o644 },
  { part: 'rootCert', name: 'root-cert.pem', mode: 0o644 },
] as const satisfies readonly { part: keyof AuthorityFiles; name: string; mode: number }[];

/** Nobody but Citadel has business beside the key. */
const DIRECTORY_MODE = 0o700;

/** What a directory holds. */
export type AuthorityState =
  | { readonly kind: 'empty' }
  | { readonly kind: 'whole'; readonly files: AuthorityFiles }
  /** Another process is writing them just now, or somebody has to look after them. */
  | { readonly kind: 'incomplete'; readonly missing: readonly string[] };

/**
 * Reads all four files. A directory that is not there is an empty one.
 * @throws IdentityError `ERR_SIGNER_INVALID`: one of them cannot be read.
 */
export async function readAuthorityFiles(directory: string): Promise<AuthorityState> {
  const contents = await Promise.all(FILES.map(({ name }) => readIfThere(join(directory, name))));
  const missing = FILES.filter((_, index) => contents[index] === undefined).map(({ name }) => name);
  if (missing.length === FILES.length) return { kind: 'empty' };
  const [caKey, caCert, certChain, rootCert] = contents;
  if (caKey === undefined || caCert === undefined || certChain === undefined || rootCert === undefined) {
    caKey?.fill(0);
    return { kind: 'incomplete', missing };
  }
  return { kind: 'whole', files: { caKey, caCert, certChain, rootCert } };
}

/** What an operator is told of an incomplete directory. */
export function incompleteError(directory: string, missing: readonly string[]): IdentityError {
  const all = FILES.map(({ name }) => name).join(', ');
  return new IdentityError(
    'ERR_SIGNER_INVALID',
    `CA directory ${directory}: ${missing.join(', ')} missing, expected all of ${all} or none`,
  );
}

/**
 * Writes the four files. Makes the directory if it is missing. Of several processes that do so at once one succeeds; for
 * the others it is false.
 * @throws IdentityError `ERR_SIGNER_INVALID`: the system's reason.
 */
export async function writeAuthorityFiles(directory: string, files: AuthorityFiles): Promise<boolean> {
  try {
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    const [key, ...certificates] = FILES;
    if (!(await isNewlyWritten(join(directory, key.name), files[key.part], key.mode))) return false;
    for (const { part, name, mode } of certificates) await writeWhole(join(directory, name), files[part], mode);
    return true;
  } catch (error) {
    throw wrapError('ERR_SIGNER_INVALID', `CA directory ${directory} cannot be written`, error);
  }
}

/** False when the file is there already. */
async function isNewlyWritten(path: string, content: Buffer, mode: number): Promise<boolean> {
  try {
    await writeNew(path, content, mode);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Writes beside the target, to the disk, then renames: whoever reads `path` sees the old state or the new one. */
export async function writeWhole(path: string, content: Buffer, mode: number): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  await writeNew(temporary, content, mode);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Writes to the disk a file that must not be there yet; what cannot be written whole is removed. */
async function writeNew(path: string, content: Buffer, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return undefined;
    }
    throw wrapError('ERR_SIGNER_INVALID', path, error);
  }
}
