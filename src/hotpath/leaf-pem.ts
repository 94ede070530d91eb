import { bitString, encodePem, type SignatureAlgorithm, sequence } from '../pki/x509/index.js';

/** A drafted leaf and its signature, as one certificate in PEM. (RFC 5280 §4.1) */
export function leafPemOf(toBeSigned: Buffer, { identifier }: SignatureAlgorithm, signature: Buffer): Buffer {
  return encodePem('CERTIFICATE', sequence(toBeSigned, identifier, bitString(signature)));
}
