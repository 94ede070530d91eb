import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { shortDir } from './short-dir.js';
import type { TestCa } from './test-ca.js';

/** An OCSP response for a leaf of `ca`, by the openssl CLI. */
export function ocspResponse(t: Test, ca: TestCa, leafPem: Buffer): Buffer {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  const { serialNumber } = new X509Certificate(leafPem);
  writeFileSync(file('leaf'), leafPem);
  writeFileSync(file('ca'), ca.certificatePem);
  writeFileSync(file('key'), ca.privateKeyPem);
  writeFileSync(file('index'), `V\t301231000000Z\t\t${serialNumber}\tunknown\t/O=x\n`);
  const openssl = (...args: string[]) => execFileSync('openssl', ['ocsp', ...args], { stdio: 'ignore' });
  openssl('-issuer', file('ca'), '-cert', file('leaf'), '-no_nonce', '-reqout', file('request'));
  openssl(
    ...['-index', file('index'), '-rsigner', file('ca'), '-rkey', file('key'), '-CA', file('ca')],
    ...['-reqin', file('request'), '-respout', file('response'), '-ndays', '1'],
  );
  return readFileSync(file('response'));
}
