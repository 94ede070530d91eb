import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { shortDir } from './short-dir.js';
import type { TestCa } from './test-ca.js';

type WithCertificate = Pick<TestCa, 'certificatePem'>;

interface AuthorityParts {
  readonly signer: WithCertificate & Pick<TestCa, 'privateKeyPem'>;
  /** The content of cert-chain.pem. */
  readonly chain?: readonly WithCertificate[];
  readonly roots: readonly WithCertificate[];
}

/** A CA directory with Istio's file names, whole and right; a file given in `changes` is other, or not there. */
export function authorityDirectory(
  t: Test,
  { signer, chain = [], roots }: AuthorityParts,
  changes: Readonly<Record<string, Buffer | string | undefined>> = {},
): string {
  const directory = shortDir(t);
  const files = {
    'ca-cert.pem': signer.certificatePem,
    'ca-key.pem': signer.privateKeyPem,
    'cert-chain.pem': pemOf(chain),
    'root-cert.pem': pemOf(roots),
    ...changes,
  };
  for (const [name, content] of Object.entries(files)) {
    if (content !== undefined)
      writeFileSync(join(directory, name), content, { mode: name.endsWith('key.pem') ? 0o600 : 0o644 });
  }
  return directory;
}

/** These certificates, one PEM block each. */
export function pemOf(authorities: readonly WithCertificate[]): Buffer {
  return Buffer.concat(authorities.map(({ certificatePem }) => certificatePem));
}
