/**
 * pki/x509: PEM, in one reader and one writer for all rooms. Bytes in, bytes out: a private key that passes through here
 * never becomes a string.
 */
export { decodeBase64 } from './base64.js';
export { type PemBlock, type PemWanted, readCertificates, readPem } from './pem-reader.js';
export { encodePem, type PemLabel, type PrivateKeyLabel, pemLength, writePem } from './pem-writer.js';
