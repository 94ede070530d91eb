import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { shortDir } from './short-dir.js';
import type { TestCa } from './test-ca.js';

/** An OCSP response for leaves of `ca`, by the openssl CLI. */
export function ocspResponse(t: Test, ca: TestCa, ...leafPems: readonly Buffer[]): Buffer {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  const leaves = leafPems.map((pem, index) => {
    writeFileSync(file(`leaf${index}`), pem);
    return { path: file(`leaf${index}`), serial: new X509Certificate(pem).serialNumber };
  });
  writeFileSync(file('ca'), ca.certificatePem);
  writeFileSync(file('key'), ca.privateKeyPem);
  writeFileSync(
    file('index'),
    leaves.map(({ serial }, index) => `V\t301231000000Z\t\t${serial}\tunknown\t/O=${index}\n`).join(''),
  );
  const openssl = (...args: string[]) => execFileSync('openssl', ['ocsp', ...args], { stdio: 'ignore' });
  openssl(
    '-issuer',
    file('ca'),
    ...leaves.flatMap(({ path }) => ['-cert', path]),
    '-no_nonce',
    '-reqout',
    file('request'),
  );
  openssl(
    ...['-index', file('index'), '-rsigner', file('ca'), '-rkey', file('key'), '-CA', file('ca')],
    ...['-reqin', file('request'), '-respout', file('response'), '-ndays', '1'],
  );
  return readFileSync(file('response'));
}
