/**
 * PEM (RFC 7468) from Buffer to Buffer. Private keys pass through here, and a string can neither be wiped nor be kept
 * off the heap's copies: so base64 goes by table, straight into the target.
 */
import { writeBase64 } from '../../text/index.js';

/** RFC 7468 §2: 64 characters on each line but the last, so 48 octets of DER. */
const LINE_OCTETS = 48;

const NEWLINE = 0x0a;

export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'X509 CRL' | PrivateKeyLabel;

export type PrivateKeyLabel = 'PRIVATE KEY' | 'EC PRIVATE KEY' | 'RSA PRIVATE KEY';

/** How many bytes {@link writePem} writes for DER of this length. */
export function pemLength(label: PemLabel, derLength: number): number {
  const lines = Math.ceil(derLength / LINE_OCTETS);
  return beginLine(label).length + endLine(label).length + Math.ceil(derLength / 3) * 4 + lines;
}

/** Writes one PEM block, ending in a newline, at `offset`; returns the offset behind it. */
export function writePem(target: Buffer, offset: number, label: PemLabel, der: Buffer): number {
  let at = offset + target.write(beginLine(label), offset, 'latin1');
  for (let from = 0; from < der.length; from += LINE_OCTETS) {
    at = writeBase64(target, at, der.subarray(from, from + LINE_OCTETS));
    target[at++] = NEWLINE;
  }
  return at + target.write(endLine(label), at, 'latin1');
}

/** One PEM block in memory of its own, which may be transferred to another thread or wiped. */
export function encodePem(label: PemLabel, der: Buffer): Buffer {
  const pem = Buffer.allocUnsafeSlow(pemLength(label, der.length));
  writePem(pem, 0, label, der);
  return pem;
}

function beginLine(label: PemLabel): string {
  return `-----BEGIN ${label}-----\n`;
}

function endLine(label: PemLabel): string {
  return `-----END ${label}-----\n`;
}
