import { type PrivateKeyLabel, pemLength, writePem } from '../pki/x509/index.js';

/**
 * Writes the two kinds of `envoy.extensions.transport_sockets.tls.v3.Secret` that we serve, without their `name`
 * (see SealedSvid). By hand, so that the key goes from DER into the final buffer without a copy that is never wiped.
 */

/** Field keys: number << 3 | 2 (length-delimited). (Protocol Buffers, "Encoding") */
const KEY = {
  secretTlsCertificate: (2 << 3) | 2,
  secretValidationContext: (4 << 3) | 2,
  tlsCertificateChain: (1 << 3) | 2,
  tlsPrivateKey: (2 << 3) | 2,
  validationTrustedCa: (1 << 3) | 2,
  dataSourceInlineBytes: (2 << 3) | 2,
} as const;

/** A private key in one of its forms. */
export interface LabelledKey {
  readonly label: PrivateKeyLabel;
  readonly der: Buffer;
}

/** `Secret{tls_certificate{certificate_chain, private_key}}`, in memory of its own. Holds the key: wipe it. */
export function encodeCertificateSecret(chainPem: Buffer, { label, der }: LabelledKey): Buffer {
  const keyLength = pemLength(label, der.length);
  const length = dataSourceLength(chainPem.length) + dataSourceLength(keyLength);
  const secret = Buffer.allocUnsafeSlow(fieldLength(length));
  let at = writeHeader(secret, 0, KEY.secretTlsCertificate, length);
  at = writeDataSourceHeader(secret, at, KEY.tlsCertificateChain, chainPem.length);
  at += chainPem.copy(secret, at);
  at = writeDataSourceHeader(secret, at, KEY.tlsPrivateKey, keyLength);
  writePem(secret, at, label, der);
  return secret;
}

/** `Secret{validation_context{trusted_ca}}`, in memory of its own. */
export function encodeBundleSecret(bundlePem: Buffer): Buffer {
  const length = dataSourceLength(bundlePem.length);
  const secret = Buffer.allocUnsafeSlow(fieldLength(length));
  let at = writeHeader(secret, 0, KEY.secretValidationContext, length);
  at = writeDataSourceHeader(secret, at, KEY.validationTrustedCa, bundlePem.length);
  bundlePem.copy(secret, at);
  return secret;
}

/** The PEM in what {@link encodeBundleSecret} has written, as a view into it. */
export function bundlePemOf(secret: Buffer): Buffer {
  // Three messages of one field each, one inside the other.
  const { start } = contentAt(secret, contentAt(secret, contentAt(secret, 0).start).start);
  return secret.subarray(start);
}

/** The two halves of what {@link encodeCertificateSecret} has written, as views into it: of the key, too. */
export function certificatePemOf(secret: Buffer): { readonly chainPem: Buffer; readonly keyPem: Buffer } {
  const tls = contentAt(secret, 0);
  const chain = contentAt(secret, tls.start);
  const key = contentAt(secret, chain.end);
  const inline = ({ start }: Span): Buffer => {
    const bytes = contentAt(secret, start);
    return secret.subarray(bytes.start, bytes.end);
  };
  return { chainPem: inline(chain), keyPem: inline(key) };
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Where the content is of the length-delimited field at `offset`. */
function contentAt(secret: Buffer, offset: number): Span {
  let start = offset + 1;
  let length = 0;
  for (let factor = 1; ; factor *= 0x80) {
    const octet = secret.readUInt8(start);
    start += 1;
    length += (octet & 0x7f) * factor;
    if (octet < 0x80) return { start, end: start + length };
  }
}

/** Length of a field that holds `DataSource{inline_bytes}`. */
function dataSourceLength(inlineLength: number): number {
  return fieldLength(fieldLength(inlineLength));
}

/** Length of key, length and content: our field numbers are below 16, so a key is one byte. */
function fieldLength(contentLength: number): number {
  return 1 + varintLength(contentLength) + contentLength;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) length++;
  return length;
}

function writeDataSourceHeader(target: Buffer, offset: number, key: number, inlineLength: number): number {
  const at = writeHeader(target, offset, key, fieldLength(inlineLength));
  return writeHeader(target, at, KEY.dataSourceInlineBytes, inlineLength);
}

function writeHeader(target: Buffer, offset: number, key: number, length: number): number {
  let at = target.writeUInt8(key, offset);
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) at = target.writeUInt8((rest % 128) | 0x80, at);
  return target.writeUInt8(rest, at);
}
