import { IdentityError } from '../../errors/index.js';
import { parseServiceAccountToken, type ShownClaims, shownClaims } from '../../pki/service-account/index.js';
import { readSmallFile, type SmallFileOptions } from '../../system/small-files/index.js';
import { isUtf16, skipByteOrderMark } from '../../text/index.js';
import type { TokenSource } from './certificate-issuer.js';

/** Header fields that hold a token end at 64 kB in most servers; a Kubernetes token has one or two. */
const MAX_TOKEN_FILE_BYTES = 64 * 1024;

const WHITE_SPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * The pod's projected token file. Opened again at each read, by its path: the kubelet replaces the file behind the
 * `..data` link at about 80 % of the token's life. (Kubernetes, "ServiceAccount token volume projection")
 * `admit` judges where the file really lies, and throws what `read` then does.
 */
export function createFileTokenSource(path: string, now: () => number, admit?: SmallFileOptions['admit']): TokenSource {
  let claims: ShownClaims | undefined;
  return {
    claims: () => claims,
    async read() {
      const token = trimmed(await readTokenFile(path, admit));
      claims = shownClaims(token);
      parseServiceAccountToken(token, now());
      return token;
    },
  };
}

async function readTokenFile(path: string, admit: SmallFileOptions['admit']): Promise<Buffer> {
  const what = `token file ${path}`;
  const limits = { what, code: 'ERR_TOKEN_MISSING', maxBytes: MAX_TOKEN_FILE_BYTES } as const;
  const { content } = await readSmallFile(path, { ...limits, admit });
  if (isUtf16(content)) throw new IdentityError('ERR_TOKEN_MALFORMED', `${what}: got UTF-16, expected ASCII`);
  return skipByteOrderMark(content);
}

function trimmed(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && WHITE_SPACE.has(bytes[start] ?? 0)) start += 1;
  while (end > start && WHITE_SPACE.has(bytes[end - 1] ?? 0)) end -= 1;
  return bytes.subarray(start, end);
}
