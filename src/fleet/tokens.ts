import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { IdentityError } from '../errors/index.js';
import { isBearerToken, parseServiceAccountToken, serviceAccountOf } from '../pki/service-account/index.js';
import { pathError, readSmallFile } from '../system/small-files/index.js';
import { skipByteOrderMark } from '../text/index.js';

/** Files read at once: enough to be quick, few enough to leave descriptors for the Envoys. */
const BATCH = 64;

/** More than any header field holds. */
const MAX_TOKEN_BYTES = 64 * 1024;

/**
 * The tokens of a directory, one file for each Envoy, in the order of the names.
 * @throws IdentityError `ERR_CONFIG_INVALID`: it cannot be read, or holds fewer files than there are Envoys.
 */
export async function readTokens(directory: string, count: number): Promise<string[]> {
  const names = await filesOf(directory);
  if (names.length < count) {
    throw new IdentityError(
      'ERR_CONFIG_INVALID',
      `--tokens: got ${names.length} files, expected one for each of ${count} Envoys`,
    );
  }
  return readEach(directory, names.slice(0, count));
}

/**
 * All tokens of a directory, one file each, in the order of the names.
 * @throws IdentityError `ERR_CONFIG_INVALID`: it cannot be read, or holds no file.
 */
export async function readAllTokens(directory: string): Promise<string[]> {
  const names = await filesOf(directory);
  if (names.length > 0) return readEach(directory, names);
  throw new IdentityError('ERR_CONFIG_INVALID', '--tokens: got no file, expected at least one');
}

async function readEach(directory: string, names: readonly string[]): Promise<string[]> {
  const tokens: string[] = [];
  for (let at = 0; at < names.length; at += BATCH) {
    const batch = names.slice(at, at + BATCH);
    tokens.push(...(await Promise.all(batch.map((name) => readToken(join(directory, name))))));
  }
  return tokens;
}

/** @throws IdentityError `ERR_CONFIG_INVALID`: it cannot be read, or holds no bearer token. */
export async function readToken(path: string): Promise<string> {
  const options = { what: `token file ${path}`, code: 'ERR_CONFIG_INVALID', maxBytes: MAX_TOKEN_BYTES } as const;
  const { content } = await readSmallFile(path, options);
  const token = skipByteOrderMark(content).toString('utf8').trim();
  if (isBearerToken(token)) return token;
  throw new IdentityError('ERR_CONFIG_INVALID', `token file ${path}: got something else than one bearer token`);
}

/**
 * The path of the SPIFFE ID that a Kubernetes service-account token is good for: `/ns/NAMESPACE/sa/NAME`. Nothing is
 * verified, nor is its time checked: that is the server's task, and this is what its answer is held against.
 * `undefined` for any other token.
 */
export function spiffePathOf(token: string): string | undefined {
  try {
    const bytes = Buffer.from(token, 'latin1');
    const { namespace, serviceAccount } = serviceAccountOf(parseServiceAccountToken(bytes, Number.NEGATIVE_INFINITY));
    return `/ns/${namespace}/sa/${serviceAccount}`;
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    return undefined;
  }
}

async function filesOf(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    throw pathError('ERR_CONFIG_INVALID', `--tokens ${directory}`, error, 'a readable directory');
  }
}
