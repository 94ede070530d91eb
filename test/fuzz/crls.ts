import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCrls } from '../../src/agent/files/crl-file.js';
import { IdentityError } from '../../src/errors/index.js';
import { readPem } from '../../src/pki/x509/index.js';
import { listOf } from '../support/judged-files.js';
import { TestCa } from '../support/test-ca.js';
import { bytesTarget } from './bytes-target.js';
import type { FuzzTarget } from './target.js';

const ca = TestCa.root();

const texts = (() => {
  const directory = mkdtempSync(join(tmpdir(), 'sidecert-fuzz-'));
  try {
    return [{}, { extensions: '2.5.29.27=critical,DER:020101' }].map((shape) => listOf(directory, ca, shape));
  } finally {
    rmSync(directory, { recursive: true });
  }
})();

const LIMITS = { what: 'list', code: 'ERR_SECRET_FILE_INVALID', maxBytes: 1024 * 1024, maxBlocks: 100 } as const;
const ders = texts.flatMap((text) => readPem(Buffer.from(text), LIMITS).map(({ der }) => der));

/**
 * Revocation lists of files, in PEM and DER. What is accepted is written, and accepted again; who signed it never
 * throws.
 */
export const crls: FuzzTarget = bytesTarget({
  ...{ name: 'crls', maxInputMs: 250, maxGrownMb: 30, testRuns: 1500 },
  seeds: [...texts.map((text) => Buffer.from(text)), ...ders],
  async read(input) {
    const { lists, pem } = parseCrls(input);
    const again = parseCrls(pem);
    if (!again.pem.equals(pem)) throw new Error('written otherwise');
    const isSigned = lists.every((list) => list.isSignedBy(ca.certificate) !== false);
    return isSigned ? 'accepted' : 'accepted, and not signed by the CA';
  },
  refusalOf: (error) => (error instanceof IdentityError ? error.code : undefined),
});
