import { Oid } from './oids.js';

/** OCTET STRING, with a length below 128 in the octet behind it. (X.690 §8.1.3.4) */
const OCTET_STRING = 0x04;

const BEGIN = Buffer.from('-----BEGIN CERTIFICATE-----');
const DASHES = Buffer.from('-----');

/**
 * What the first certificate of a PEM chain says of the key that signed it: its authority key identifier, in hex, and
 * empty when there is none. Only to tell leaves of one issuer from those of another, after the chain was proven: it is
 * searched for, which takes microseconds, and nothing else is read.
 */
export function authorityKeyOf(chainPem: Buffer): string {
  const start = chainPem.indexOf(BEGIN) + BEGIN.length;
  const end = chainPem.indexOf(DASHES, start);
  if (start < BEGIN.length || end < 0) return '';
  const der = Buffer.from(chainPem.toString('latin1', start, end), 'base64');
  const found = der.indexOf(Oid.authorityKeyIdentifier);
  const value = found + Oid.authorityKeyIdentifier.length;
  if (found < 0 || der[value] !== OCTET_STRING) return '';
  const length = der[value + 1] ?? 0;
  return length < 0x80 ? der.toString('hex', value + 2, value + 2 + length) : '';
}
