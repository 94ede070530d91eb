import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestCitadel } from '../../test/support/citadel.js';

/** Where a secret volume has the key and the certificates of a workload. */
export interface IdentityFiles {
  readonly certificate: string;
  readonly key: string;
  readonly roots: string;
}

/** Asks Citadel for a certificate and puts it, with a new key and the roots, where a secret volume would have them. */
export async function writeIdentity(
  citadel: TestCitadel,
  directory: string,
  account: string,
  ttlSeconds: number,
): Promise<IdentityFiles> {
  const file = (name: string): string => join(directory, name);
  const newKey = file('new-key.pem');
  const csr = execFileSync(
    'openssl',
    ['req', '-new', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-subj', '/', '-keyout', newKey],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const token = await citadel.issuer.token('foo', account);
  const { code, details, elements } = await citadel.caller.call({ token, csr, validitySeconds: ttlSeconds });
  if (code !== 0) throw new Error(`no certificate for ${account}: ${details}`);
  const files = { certificate: file('cert-chain.pem'), key: file('key.pem'), roots: file('root-cert.pem') };
  writeFileSync(`${files.certificate}.new`, elements.slice(0, -1).join(''));
  renameSync(`${files.certificate}.new`, files.certificate);
  renameSync(newKey, files.key);
  writeFileSync(files.roots, citadel.rootPem);
  return files;
}

/** What a client of Node.js proves itself with. */
export function tlsOptionsOf({ certificate, key, roots }: IdentityFiles) {
  const [cert, privateKey, ca] = [certificate, key, roots].map((path) => readFileSync(path));
  // The server's name is its SPIFFE ID, which Node.js does not look at.
  return { cert, key: privateKey, ca, checkServerIdentity: () => undefined };
}
