import { dirname, isAbsolute, join } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { IdentityError } from '../../errors/index.js';
import { readSmallFile } from '../../system/small-files/index.js';
import type { Material, ServerAccess } from './server-access.js';

/** Certificates and keys of a few dozen clusters. */
const MAX_KUBECONFIG_BYTES = 1024 * 1024;

/** An entry of `clusters`, `users` or `contexts`, and the file that it stands in: its paths are relative to that. */
interface Entry {
  readonly where: string;
  readonly directory: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** How users log in that need another program, or a server, for it. */
const FOREIGN_CREDENTIALS = ['exec', 'auth-provider', 'username', 'password', 'as', 'as-uid', 'as-groups'] as const;

/**
 * Reads a kubeconfig: what its current context says of the API server and of the user. Of several files, as
 * `KUBECONFIG` may list them, the first that says something counts. (Kubernetes, "Organizing Cluster Access Using
 * kubeconfig Files")
 * @throws IdentityError `ERR_KUBERNETES_CONFIG_INVALID`: a file cannot be read, has no such entry, or asks for
 * something
 *   that is not supported: the message names file, entry and field.
 */
export async function readKubeconfig(paths: readonly string[]): Promise<ServerAccess> {
  const files = await Promise.all(paths.map(parseKubeconfig));
  const named = paths.join(', ');
  const [current] = files.flatMap(({ content }) => {
    const name = content['current-context'];
    return typeof name === 'string' && name !== '' ? [name] : [];
  });
  if (current === undefined) throw refused(named, 'no current-context', 'the name of a context');
  const context = entryOf(files, 'context', current);
  const cluster = entryOf(files, 'cluster', textOf(context, 'cluster', true));
  const user = entryOf(files, 'user', textOf(context, 'user', true));
  const server = serverOf(cluster);
  const credentials = credentialsOf(user);
  const hasCredentials = credentials.token !== undefined || credentials.clientCertificate !== undefined;
  if (hasCredentials && server.url.protocol === 'http:') {
    throw refused(user.where, `credentials for ${server.url.origin}`, 'https: they would go in plain text');
  }
  return { ...server, ...credentials, namespace: textOf(context, 'namespace') };
}

interface KubeconfigFile {
  readonly path: string;
  readonly content: Readonly<Record<string, unknown>>;
}

async function parseKubeconfig(path: string): Promise<KubeconfigFile> {
  const what = `kubeconfig ${path}`;
  const options = { what, code: 'ERR_KUBERNETES_CONFIG_INVALID', maxBytes: MAX_KUBECONFIG_BYTES } as const;
  const { content } = await readSmallFile(path, options);
  const lines = new LineCounter();
  const document = parseDocument(content.toString('utf8'), {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'silent',
  });
  content.fill(0);
  const [error] = document.errors;
  if (error !== undefined) {
    // Its own message quotes the text, which has keys and tokens.
    throw refused(path, `no YAML at line ${lines.linePos(error.pos[0]).line} (${error.code})`, 'YAML');
  }
  const value = contentOf(document);
  if (!isRecord(value)) throw refused(path, 'no mapping without aliases', 'a kubeconfig');
  return { path, content: value };
}

/** Kubeconfigs have no aliases, which can make a lot of a little. */
function contentOf(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    return undefined;
  }
}

function entryOf(files: readonly KubeconfigFile[], kind: 'context' | 'cluster' | 'user', name: string): Entry {
  for (const { path, content } of files) {
    const list = content[`${kind}s`];
    if (!Array.isArray(list)) continue;
    const found: unknown = list.find((entry) => isRecord(entry) && entry.name === name);
    if (!isRecord(found)) continue;
    const fields = found[kind];
    const where = `${path}: ${kind} ${JSON.stringify(name)}`;
    // kubectl writes `user: null` for one without credentials.
    return { where, directory: dirname(path), fields: isRecord(fields) ? fields : {} };
  }
  throw refused(files.map(({ path }) => path).join(', '), `no ${kind} ${JSON.stringify(name)}`, `one of this name`);
}

function serverOf(cluster: Entry): Pick<ServerAccess, 'url' | 'serverName' | 'ca'> {
  const { where, fields } = cluster;
  const server = textOf(cluster, 'server', true);
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw refused(`${where}, server`, JSON.stringify(server), 'a URL of https');
  }
  if (fields['insecure-skip-tls-verify'] === true) {
    throw refused(
      `${where}, insecure-skip-tls-verify`,
      'true',
      'certificate-authority: tokens are sent to this server',
    );
  }
  if (fields['proxy-url'] !== undefined) throw refused(`${where}, proxy-url`, 'a value', 'none: it is not supported');
  return {
    url,
    serverName: textOf(cluster, 'tls-server-name'),
    ca: materialOf(cluster, 'certificate-authority'),
  };
}

function credentialsOf(user: Entry): Pick<ServerAccess, 'token' | 'clientCertificate'> {
  const { where, fields } = user;
  for (const name of FOREIGN_CREDENTIALS) {
    if (fields[name] === undefined) continue;
    throw refused(`${where}, ${name}`, 'a value', 'token, tokenFile or client-certificate: it is not supported');
  }
  const cert = materialOf(user, 'client-certificate');
  const key = materialOf(user, 'client-key');
  if ((cert === undefined) !== (key === undefined)) {
    throw refused(where, 'one of client-certificate and client-key', 'both or neither');
  }
  return {
    token: tokenOf(user),
    clientCertificate: cert !== undefined && key !== undefined ? { cert, key } : undefined,
  };
}

/** The file wins, as with kubectl. */
function tokenOf(user: Entry): Material | undefined {
  const path = textOf(user, 'tokenFile');
  if (path !== undefined) return { kind: 'file', path: absolute(user, path) };
  const token = textOf(user, 'token');
  return token === undefined ? undefined : { kind: 'inline', content: Buffer.from(token) };
}

/** `name-data` in base64 wins over the file of `name`. */
function materialOf(entry: Entry, name: string): Material | undefined {
  const encoded = textOf(entry, `${name}-data`);
  if (encoded !== undefined) return { kind: 'inline', content: Buffer.from(encoded, 'base64') };
  const path = textOf(entry, name);
  return path === undefined ? undefined : { kind: 'file', path: absolute(entry, path) };
}

function absolute({ directory }: Entry, path: string): string {
  return isAbsolute(path) ? path : join(directory, path);
}

function textOf(entry: Entry, name: string, isRequired: true): string;
function textOf(entry: Entry, name: string): string | undefined;
function textOf({ where, fields }: Entry, name: string, isRequired = false): string | undefined {
  const value = fields[name];
  if (typeof value === 'string' && value !== '') return value;
  if (isRequired) throw refused(`${where}, ${name}`, value === undefined ? 'nothing' : 'no text', 'a text');
  // A value is not quoted: it may be a token that was written without quotes.
  if (value !== undefined && value !== null && value !== '') throw refused(`${where}, ${name}`, 'no text', 'a text');
  return undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(where: string, got: string, expected: string): IdentityError {
  return new IdentityError('ERR_KUBERNETES_CONFIG_INVALID', `kubeconfig ${where}: got ${got}, expected ${expected}`);
}
