import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestCa } from './test-ca.js';

/** A server's files as an operator brings them. */
export interface PairFiles {
  readonly certPem: Buffer | string;
  readonly keyPem: Buffer | string;
}

export interface SelfSigned {
  /** Arguments of `openssl genpkey`. */
  readonly key: readonly string[];
  readonly subject?: string;
  /** `-addext` lines. */
  readonly extensions?: readonly string[];
  /** `-sha256` by default; empty for a key that has its own. */
  readonly digest?: string;
}

export const EC_KEY = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** A certificate that signs itself, with its key, by the openssl CLI. */
export function selfSigned(
  directory: string,
  { key, subject = '/CN=a', extensions, digest = '-sha256' }: SelfSigned,
): PairFiles {
  mkdirSync(directory, { recursive: true });
  const [keyFile, certFile] = [join(directory, 'k'), join(directory, 'c')];
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  openssl('genpkey', ...key, '-out', keyFile);
  const lines = (extensions ?? ['subjectAltName=DNS:a.test']).flatMap((line) => ['-addext', line]);
  const hash = digest === '' ? [] : [digest];
  const config = join(directory, 'cnf');
  writeFileSync(config, '[req]\ndistinguished_name=dn\n[dn]\n');
  openssl(
    'req',
    '-x509',
    '-new',
    '-config',
    config,
    '-key',
    keyFile,
    '-subj',
    subject,
    '-days',
    '2',
    ...hash,
    ...lines,
    '-out',
    certFile,
  );
  return { certPem: readFileSync(certFile), keyPem: readFileSync(keyFile) };
}

export interface ListShape {
  /** Hours from now. */
  readonly from?: number;
  /** Hours from now. */
  readonly to?: number;
  /** A section of extensions. */
  readonly extensions?: string;
}

const HOUR_MS = 3_600_000;

/** A revocation list of `ca` in PEM, by the openssl CLI. */
export function listOf(directory: string, ca: TestCa, { from = -1, to = 24, extensions = '' }: ListShape = {}): string {
  mkdirSync(directory, { recursive: true });
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const time = (hours: number): string =>
    `${new Date(Date.now() + hours * HOUR_MS).toISOString().replace(/[-:T]|\..*/g, '')}Z`;
  const config = `[ca]\ndefault_ca=x\n[x]\ndatabase=${file('index', '')}\ndefault_md=sha256\ncrlnumber=${file('number', '01')}\n[more]\n${extensions}\n`;
  const args = ['-keyfile', file('key', ca.privateKeyPem), '-cert', file('pem', ca.certificatePem)];
  const times = ['-crl_lastupdate', time(from), '-crl_nextupdate', time(to)];
  const more = extensions === '' ? [] : ['-crlexts', 'more'];
  return execFileSync('openssl', ['ca', '-config', file('cnf', config), '-gencrl', ...args, ...times, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  }).toString();
}
