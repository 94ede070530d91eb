import { readFile } from 'node:fs/promises';
import { IdentityError } from '../errors/index.js';
import type { TokenSource } from './certificate-issuer.js';
import { parseServiceAccountToken } from './service-account-token.js';

const WHITE_SPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * The pod's projected token file. Opened anew at each read, by its path: the kubelet replaces the file behind the
 * `..data` link at about 80 % of the token's life. (Kubernetes, "ServiceAccount token volume projection")
 */
export function createFileTokenSource(path: string, now: () => number): TokenSource {
  return {
    async read() {
      const token = trimmed(await readTokenFile(path));
      parseServiceAccountToken(token, now());
      return token;
    },
  };
}

async function readTokenFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    throw new IdentityError('ERR_TOKEN_MISSING', `token file ${path}: got ${reason}, expected a readable JWT`, {
      cause,
    });
  }
}

function trimmed(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && WHITE_SPACE.has(bytes[start] ?? 0)) start += 1;
  while (end > start && WHITE_SPACE.has(bytes[end - 1] ?? 0)) end -= 1;
  return bytes.subarray(start, end);
}
