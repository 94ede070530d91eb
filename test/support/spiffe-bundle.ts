import { X509Certificate } from 'node:crypto';
import type { TestCa } from './test-ca.js';

/** A bundle document as a SPIFFE bundle endpoint serves it. */
export function spiffeBundle(
  roots: readonly TestCa[],
  { sequence, refreshHint }: { readonly sequence?: number; readonly refreshHint?: number } = {},
): Buffer {
  const document = {
    keys: roots.map(bundleKey),
    spiffe_sequence: sequence,
    spiffe_refresh_hint: refreshHint,
  };
  return Buffer.from(JSON.stringify(document));
}

/** One key of it. */
export function bundleKey({ certificatePem }: TestCa): Record<string, unknown> {
  const certificate = new X509Certificate(certificatePem);
  const jwk = certificate.publicKey.export({ format: 'jwk' });
  return { ...jwk, use: 'x509-svid', x5c: [certificate.raw.toString('base64')] };
}
