import { absolutePath, type Kind } from './kinds.js';

/** sockaddr_un holds 108 bytes with the closing zero. (unix(7)) */
export const MAX_SOCKET_PATH_BYTES = 107;

/** What gRPC targets and SPIFFE_ENDPOINT_SOCKET begin with when they name a Unix socket. */
const SCHEME = 'unix:';

/** How abstract sockets are written. To Envoy an `@` says so, to gRPC the scheme; to Node.js neither does. */
const ABSTRACT = /^(@|unix-abstract:)/;

/**
 * The path of a Unix socket, the same for every command: as it is, or as a URI (`unix:path`, `unix:/path`,
 * `unix:///path`; gRPC Name Resolution, "Unix domain sockets"), whose percent-encoding is undone.
 *
 * An abstract name is refused everywhere. It has no permissions and belongs to a network namespace, which a sidecar
 * shares with the application and, with hostNetwork, a pod with its node. A file whose name begins with an `@` is
 * `./@name`.
 */
export const socketPath: Kind<string> = {
  placeholder: 'PATH',
  expected: `a path of 1 to ${MAX_SOCKET_PATH_BYTES} bytes for a Unix socket, or unix:/path or unix:///path, and no abstract name such as @sds`,
  parse(text) {
    const path = text.startsWith(SCHEME) ? pathOfUri(text.slice(SCHEME.length)) : text;
    if (path === undefined || path === '' || ABSTRACT.test(path) || path.includes('\0')) return undefined;
    // A lone half of a character cannot be written in UTF-8: agent and Envoy would mean two files.
    if (!path.isWellFormed() || Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) return undefined;
    // `//run` is `/run` to Linux, and a host to a reader of URIs.
    return path.replace(/^\/{2,}/, '/');
  },
};

/** What follows the scheme. `undefined` where there is a host, a query, a fragment or a wrong escape. */
function pathOfUri(rest: string): string | undefined {
  const encoded = rest.startsWith('//') ? rest.slice('//'.length) : rest;
  const hasHost = rest.startsWith('//') && !encoded.startsWith('/');
  if (hasHost || /[?#]/.test(encoded)) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

/** A UID of a pod is a UUID. */
const BYTES_BELOW = '/00000000-0000-0000-0000-000000000000/socket'.length;
const MAX_DIRECTORY_BYTES = MAX_SOCKET_PATH_BYTES - BYTES_BELOW;

/** A directory below which sockets have room, each in the directory of a pod. */
export const podSocketsPath: Kind<string> = {
  ...absolutePath,
  expected: `an absolute path of at most ${MAX_DIRECTORY_BYTES} bytes, so that DIRECTORY/UID/socket has no more than ${MAX_SOCKET_PATH_BYTES}`,
  parse(value, files) {
    const path = absolutePath.parse(value, files);
    return path !== undefined && Buffer.byteLength(path) <= MAX_DIRECTORY_BYTES ? path : undefined;
  },
};
