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

/**
 * Reads all four files; `undefined` when there is none of them, or no directory.
 * @throws IdentityError `ERR_SIGNER_INVALID`: some are there and some are missing, or one cannot be read.
 */
export async function readAuthorityFiles(directory: string): Promise<AuthorityFiles | undefined> {
  const contents = await Promise.all(FILES.map(({ name }) => readIfThere(join(directory, name))));
  const missing = FILES.filter((_, index) => contents[index] === undefined).map(({ name }) => name);
  if (missing.length === FILES.length) return undefined;
  const [caKey, caCert, certChain, rootCert] = contents;
  if (caKey === undefined || caCert === undefined || certChain === undefined || rootCert === undefined) {
    caKey?.fill(0);
    throw new IdentityError(
      'ERR_SIGNER_INVALID',
      `CA directory ${directory}: ${missing.join(', ')} missing, expected all of ${FILES.map(({ name }) => name).join(', ')} or none`,
    );
  }
  return { caKey, caCert, certChain, rootCert };
}

/**
 * Writes the four files. Makes the directory if it is missing. Of several processes that do so at once one succeeds.
 * @throws IdentityError `ERR_SIGNER_INVALID`: the system's reason, EEXIST when another has been quicker.
 */
export async function writeAuthorityFiles(directory: string, files: AuthorityFiles): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    const [key, ...certificates] = FILES;
    await writeNew(join(directory, key.name), files[key.part], key.mode);
    for (const { part, name, mode } of certificates) await writeWhole(join(directory, name), files[part], mode);
  } catch (error) {
    throw wrapError('ERR_SIGNER_INVALID', `CA directory ${directory} cannot be written`, error);
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
