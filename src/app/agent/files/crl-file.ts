import { IdentityError } from '../../../errors/index.js';
import { Asn1, readAsn1 } from './asn1.js';

const BLOCK = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]*)-----END X509 CRL-----/g;

/** `CertificateList { tbsCertList, signatureAlgorithm, signatureValue }`. (RFC 5280 §5.1) */
const FORM = [Asn1.sequence, Asn1.sequence, Asn1.bitString];

/**
 * Checks that a file holds certificate revocation lists in PEM, and gives them without whatever else stands there. Envoy
 * refuses the whole context for a bad one, and every chain whose CA has none.
 * @throws IdentityError `ERR_SECRET_FILE_INVALID`.
 */
export async function parseCrls(pem: Buffer): Promise<Buffer> {
  const blocks = [...pem.toString('latin1').matchAll(BLOCK)];
  if (blocks.length === 0) throw invalid('no PEM block X509 CRL', 'at least one');
  for (const [index, [, base64 = '']] of blocks.entries()) {
    const list = await readAsn1(Buffer.from(base64, 'base64'));
    const form = list?.children.map(({ tag }) => tag) ?? [];
    if (form.length === FORM.length && FORM.every((tag, at) => form[at] === tag)) continue;
    throw invalid(`list ${index + 1} that does not parse`, 'a CRL as RFC 5280 has it');
  }
  return Buffer.from(blocks.map(([block]) => `${block}\n`).join(''), 'latin1');
}

function invalid(got: string, expected: string): IdentityError {
  return new IdentityError('ERR_SECRET_FILE_INVALID', `CRL file: got ${got}, expected ${expected}`);
}
