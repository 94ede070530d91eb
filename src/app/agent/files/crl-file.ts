import { IdentityError } from '../../../errors/index.js';
import { encodePem, readPem } from '../../../pki/x509/index.js';
import { Asn1, readAsn1 } from './asn1.js';

/** The bytes are those of the largest file that is read. */
const WANTED = {
  what: 'CRL file',
  code: 'ERR_SECRET_FILE_INVALID',
  maxBytes: 1024 * 1024,
  maxBlocks: 100,
  labels: ['X509 CRL'],
} as const;

/** `CertificateList { tbsCertList, signatureAlgorithm, signatureValue }`. (RFC 5280 §5.1) */
const FORM = [Asn1.sequence, Asn1.sequence, Asn1.bitString];

/**
 * Checks that a file holds certificate revocation lists in PEM, and gives them without whatever else stands there. Envoy
 * refuses the whole context for a bad one, and every chain whose CA has none.
 * @throws IdentityError `ERR_SECRET_FILE_INVALID`.
 */
export async function parseCrls(pem: Buffer): Promise<Buffer> {
  const lists = readPem(pem, WANTED).map(({ der }) => der);
  for (const [index, der] of lists.entries()) {
    const list = await readAsn1(der);
    const form = list?.children.map(({ tag }) => tag) ?? [];
    if (form.length === FORM.length && FORM.every((tag, at) => form[at] === tag)) continue;
    throw invalid(`list ${index + 1} that does not parse`, 'a CRL as RFC 5280 has it');
  }
  return Buffer.concat(lists.map((der) => encodePem('X509 CRL', der)));
}

function invalid(got: string, expected: string): IdentityError {
  return new IdentityError('ERR_SECRET_FILE_INVALID', `CRL file: got ${got}, expected ${expected}`);
}
