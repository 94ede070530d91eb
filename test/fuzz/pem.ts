import { X509Certificate } from 'node:crypto';
import { IdentityError } from '../../src/errors/index.js';
import { encodePem, readCertificates, readPem } from '../../src/pki/x509/index.js';
import { CERTIFICATES, PIECES } from '../pki/x509/pem-texts.js';
import { bytesTarget } from './bytes-target.js';
import type { FuzzTarget } from './target.js';

const LIMITS = { what: 'text', code: 'ERR_BUNDLE_INVALID', maxBytes: 1024 * 1024, maxBlocks: 100 } as const;

/** Every kind of piece in front of a certificate, with and without a byte order mark. */
const seeds = PIECES.flatMap(({ text }) => {
  const [before, after] = CERTIFICATES as [Buffer, Buffer];
  const whole = text(before) + encodePem('CERTIFICATE', after).toString();
  return [Buffer.from(whole), Buffer.from(`\ufeff${whole}`)];
});

/**
 * PEM texts: where OpenSSL reads a first certificate too, it is the same one, and what is read is written and read
 * again.
 */
export const pem: FuzzTarget = bytesTarget({
  ...{ name: 'pem', maxInputMs: 250, maxGrownMb: 30, testRuns: 3000, seeds },
  read(input) {
    for (const { der } of readPem(input, LIMITS)) if (der.length === 0) throw new Error('a block of nothing');
    const read = readCertificates(input, LIMITS);
    const again = Buffer.concat(read.map((der) => encodePem('CERTIFICATE', der)));
    const same = readCertificates(again, LIMITS);
    if (read.length !== same.length || !read.every((der, at) => same[at]?.equals(der)))
      throw new Error('written otherwise');
    const first = byOpenssl(input);
    if (first === undefined) return 'accepted, and not by OpenSSL';
    // By OpenSSL, too: it writes a bit string with unused bits that are set otherwise than it has read it.
    if (byOpenssl(read[0] ?? Buffer.alloc(0))?.equals(first) !== true) throw new Error('OpenSSL reads another one');
    return 'accepted';
  },
  refusalOf: (error) => (error instanceof IdentityError ? error.code : undefined),
});

function byOpenssl(input: Buffer): Buffer | undefined {
  try {
    return new X509Certificate(input).raw;
  } catch {
    return undefined;
  }
}
