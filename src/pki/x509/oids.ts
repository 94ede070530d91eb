import { objectIdentifier } from './der-writer.js';

/** Object identifiers in DER, whole elements: what we write, and what we compare with when reading. */
export const Oid = {
  // X.520 §6.4.1
  commonName: objectIdentifier('2.5.4.3'),
  organizationName: objectIdentifier('2.5.4.10'),
  // RFC 2985 §5.4.2
  extensionRequest: objectIdentifier('1.2.840.113549.1.9.14'),
  // RFC 5280 §4.2.1
  subjectKeyIdentifier: objectIdentifier('2.5.29.14'),
  keyUsage: objectIdentifier('2.5.29.15'),
  subjectAltName: objectIdentifier('2.5.29.17'),
  basicConstraints: objectIdentifier('2.5.29.19'),
  nameConstraints: objectIdentifier('2.5.29.30'),
  authorityKeyIdentifier: objectIdentifier('2.5.29.35'),
  extKeyUsage: objectIdentifier('2.5.29.37'),
  serverAuth: objectIdentifier('1.3.6.1.5.5.7.3.1'),
  clientAuth: objectIdentifier('1.3.6.1.5.5.7.3.2'),
  // RFC 5280 §5.2.3, §5.3.1
  crlNumber: objectIdentifier('2.5.29.20'),
  reasonCode: objectIdentifier('2.5.29.21'),
  // RFC 5480 §2.1.1
  ecPublicKey: objectIdentifier('1.2.840.10045.2.1'),
  p256: objectIdentifier('1.2.840.10045.3.1.7'),
  p384: objectIdentifier('1.3.132.0.34'),
  // RFC 8017 §A.1
  rsaEncryption: objectIdentifier('1.2.840.113549.1.1.1'),
} as const;
