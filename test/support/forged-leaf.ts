import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { openssl } from '../hotpath/pki.js';
import { shortDir } from './short-dir.js';

/** Key and certificate in PEM, as a thief has them. */
export interface StolenCa {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** Those of the intermediate that a Citadel has made last, by the file in which it keeps them. */
export function stolenIntermediate(path: string): StolenCa {
  const [keyPem = '', certificatePem = ''] =
    readFileSync(path, 'utf8').match(/-----BEGIN[\s\S]+?-----END [A-Z ]+-----\n/g) ?? [];
  return { keyPem, certificatePem };
}

/** A leaf that openssl makes by a stolen key, whatever that may sign; with its own key, in PEM. */
export function forgedLeaf(t: Test, ca: StolenCa, extensions: readonly string[], subject = '/') {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  writeFileSync(file('ca.pem'), ca.certificatePem);
  writeFileSync(file('ca-key.pem'), ca.keyPem);
  writeFileSync(file('leaf.ext'), `${extensions.join('\n')}\n`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('key.pem')];
  openssl(['req', '-new', ...key, '-subj', subject, '-out', file('leaf.csr')]);
  openssl([
    ...['x509', '-req', '-in', file('leaf.csr'), '-CA', file('ca.pem'), '-CAkey', file('ca-key.pem'), '-days', '1'],
    ...['-CAcreateserial', '-extfile', file('leaf.ext'), '-out', file('leaf.pem')],
  ]);
  return { keyPem: readFileSync(file('key.pem'), 'utf8'), certificatePem: readFileSync(file('leaf.pem'), 'utf8') };
}

export function uriExtension(uri: string): string {
  return `subjectAltName=critical,URI:${uri}`;
}
