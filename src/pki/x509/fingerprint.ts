import type { X509Certificate } from 'node:crypto';

/** SHA-256 of a certificate, in hexadecimal of small letters: by which pages, commands and messages name it. */
export function certificateFingerprint({ fingerprint256 }: Pick<X509Certificate, 'fingerprint256'>): string {
  return fingerprint256.replaceAll(':', '').toLowerCase();
}
