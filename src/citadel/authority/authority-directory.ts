import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { IdentityError } from '../../errors/index.js';
import { isExposed, pathError, readSmallFile } from '../../system/small-files/index.js';

/** What a CA directory holds. */
export interface AuthorityFiles {
  readonly caCert: Buffer;
  /** Holds the private key: wipe it. */
  readonly caKey: Buffer;
  readonly certChain: Buffer;
  readonly rootCert: Buffer;
}

type Part = keyof AuthorityFiles;

/** Where the parts are, and what messages call them. */
export type AuthorityFileNames = Readonly<Record<Part, string>>;

/** As Istio names them. (reference: Istio C23) */
export const ISTIO_FILES: AuthorityFileNames = {
  caKey: 'ca-key.pem',
  caCert: 'ca-cert.pem',
  certChain: 'cert-chain.pem',
  rootCert: 'root-cert.pem',
};

/**
 * A Kubernetes TLS secret, as cert-manager fills it: `tls.crt` has the signing certificate first, then those above it.
 */
const TLS_SECRET_FILES: AuthorityFileNames = {
  caKey: 'tls.key',
  caCert: 'tls.crt',
  certChain: 'tls.crt',
  rootCert: 'ca.crt',
};

const LAYOUTS: readonly AuthorityFileNames[] = [ISTIO_FILES, TLS_SECRET_FILES];

/** All that a CA directory may hold, in either layout. */
export const AUTHORITY_FILE_NAMES: readonly string[] = [...new Set(LAYOUTS.flatMap((names) => Object.values(names)))];

/**
 * Written in this order: with the key alone a directory is incomplete and refused, never silently replaced by a fresh
 * root.
 */
export const WRITTEN = [
  { part: 'caKey', mode: 0o600 },
  { part: 'caCert', mode: 0o644 },
  { part: 'certChain', mode: 0o644 },
  { part: 'rootCert', mode: 0o644 },
] as const satisfies readonly { part: Part; mode: number }[];

/** A file system puts it into its own root. */
const LOST_AND_FOUND = 'lost+found';

/** Hundreds of certificates; the bound of a trust bundle. */
const MAX_FILE_BYTES = 1024 * 1024;

/** How many names stand in a message. */
const MAX_TOLD = 5;

/** What a directory, or another place, holds. */
export type AuthorityState =
  | { readonly kind: 'empty' }
  | { readonly kind: 'whole'; readonly names: AuthorityFileNames; readonly files: AuthorityFiles }
  /** Another process is writing them just now, or a person has to look after them. */
  | { readonly kind: 'incomplete'; readonly error: IdentityError };

/** Files, wherever they are. */
interface Place {
  /** As messages name it. */
  readonly what: string;
  readonly entries: readonly string[];
  /** A token has it: the place must not. */
  readonly keyIsElsewhere?: boolean;
  /** In memory of its own. */
  read(name: string): Promise<Buffer | undefined>;
}

/**
 * Reads a CA directory in one of the two layouts. One that is not there is empty. With `keyIsElsewhere` it has no key,
 * and that of the result is empty.
 * @throws IdentityError `ERR_SIGNER_INVALID`: it, or a file in it, cannot be read; it has the files of both layouts, or
 *   other files and those of none. A fresh root is made in an empty directory alone.
 */
export async function readAuthorityFiles(directory: string, keyIsElsewhere = false): Promise<AuthorityState> {
  // Hidden files are left aside: Kubernetes keeps the versions of a volume in `..data`.
  const entries = (await entriesOf(directory)).filter((name) => !name.startsWith('.') && name !== LOST_AND_FOUND);
  const read = (name: string) => readIfThere(join(directory, name));
  return readPlace({ what: `CA directory ${directory}`, entries, read, keyIsElsewhere });
}

/**
 * The same of files that are in memory already, by their names.
 * @throws IdentityError `ERR_SIGNER_INVALID`.
 */
export async function readKeptFiles(what: string, kept: ReadonlyMap<string, Buffer>): Promise<AuthorityState> {
  const names = ISTIO_FILES;
  const [caCert, rootCert] = [kept.get(names.caCert), kept.get(names.rootCert)];
  const whole = new Map(kept);
  // Istio's own root has an empty chain, and in older versions no second copy of itself. (reference: Istio C27)
  if (caCert !== undefined && kept.has(names.caKey)) {
    if (rootCert === undefined || rootCert.length === 0) whole.set(names.rootCert, caCert);
    if (!kept.has(names.certChain)) whole.set(names.certChain, Buffer.alloc(0));
  }
  return readPlace({ what, entries: [...whole.keys()], read: async (name) => whole.get(name) });
}

async function readPlace(place: Place): Promise<AuthorityState> {
  const { what, entries } = place;
  const [names, ...others] = LAYOUTS.filter((layout) => Object.values(layout).some((name) => entries.includes(name)));
  if (others.length > 0) throw unfit(what, 'the files of two authorities', entries);
  if (names !== undefined) return readLayout(place, names);
  if (entries.length > 0) throw unfit(what, 'no authority', entries);
  return { kind: 'empty' };
}

async function readLayout(place: Place, names: AuthorityFileNames): Promise<AuthorityState> {
  const { what, keyIsElsewhere } = place;
  if (keyIsElsewhere && place.entries.includes(names.caKey)) {
    throw new IdentityError(
      'ERR_SIGNER_INVALID',
      `${what}: got ${names.caKey} beside --ca-key, expected the certificates alone`,
    );
  }
  const read = async (part: Part): Promise<Buffer | undefined> =>
    keyIsElsewhere && part === 'caKey' ? Buffer.alloc(0) : place.read(names[part]);
  const [caKey, caCert, certChain, rootCert] = await Promise.all([
    read('caKey'),
    read('caCert'),
    read('certChain'),
    read('rootCert'),
  ]);
  if (caKey === undefined || caCert === undefined || certChain === undefined || rootCert === undefined) {
    caKey?.fill(0);
    const contents = { caKey, caCert, certChain, rootCert };
    const missing = WRITTEN.filter(({ part }) => contents[part] === undefined).map(({ part }) => names[part]);
    return { kind: 'incomplete', error: incompleteError(what, names, missing) };
  }
  return { kind: 'whole', names, files: { caKey, caCert, certChain, rootCert } };
}

function unfit(what: string, got: string, entries: readonly string[]): IdentityError {
  const told = entries.slice(0, MAX_TOLD).join(', ') + (entries.length > MAX_TOLD ? ', …' : '');
  const expected = LAYOUTS.map(listed).join(', or ');
  return new IdentityError(
    'ERR_SIGNER_INVALID',
    `${what}: got ${got} among ${told}, expected ${expected}, or no file at all`,
  );
}

function listed(names: AuthorityFileNames): string {
  return [...new Set(Object.values(names))].join(', ');
}

/** What an operator is told of an incomplete authority. */
function incompleteError(what: string, names: AuthorityFileNames, missing: readonly string[]): IdentityError {
  const told = [...new Set(missing)].join(', ');
  const isKeyAlone = missing.length === WRITTEN.length - 1 && !missing.includes(names.caKey);
  const remedy = `; nothing was signed with a key that never had certificates: remove ${names.caKey} if it is no other one's`;
  return new IdentityError(
    'ERR_SIGNER_INVALID',
    `${what}: ${told} missing, expected all of ${listed(names)} or none${isKeyAlone ? remedy : ''}`,
  );
}

/** None of a directory that is not there. */
async function entriesOf(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isAbsence(error)) return [];
    throw pathError('ERR_SIGNER_INVALID', `CA directory ${directory}`, error, 'a readable directory');
  }
}

/** `undefined` of a file that is not there. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return (await readSmallFile(path, { what: path, code: 'ERR_SIGNER_INVALID', maxBytes: MAX_FILE_BYTES })).content;
  } catch (error) {
    if (error instanceof Error && isAbsence(error.cause)) return undefined;
    throw error;
  }
}

/** Whether every user of this machine may read the key of a directory. */
export function isKeyExposed(directory: string, names: AuthorityFileNames): Promise<boolean> {
  return isExposed(join(directory, names.caKey));
}

function isAbsence(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
