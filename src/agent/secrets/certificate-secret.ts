import type { X509Certificate } from 'node:crypto';
import { IdentityError, wrapError } from '../../errors/index.js';
import { type CertificatePair, checkStaple } from '../files/index.js';
import { SecretContent } from '../identity/index.js';
import { encodeCertificate, type PrivateKeyProvider, withPrivateKeyProvider } from './secret-codec.js';

export interface CertificateSecretOptions {
  /** An OCSP response in DER. */
  readonly staple: Buffer | undefined;
  /** Epoch milliseconds. */
  readonly nowMs: number;
  readonly privateKeyProvider: PrivateKeyProvider | undefined;
  /** Told of a staple that Envoy would refuse the pair for. */
  readonly leftOut: (problem: IdentityError) => void;
}

/**
 * The secret of a pair from files, whose key is wiped.
 * @throws IdentityError `ERR_SECRET_FILE_INVALID`: it must have a staple, and has no good one.
 */
export function certificateSecret(
  { leaf, chainPem, privateKeyPem, mustStaple }: CertificatePair,
  { staple, nowMs, privateKeyProvider, leftOut }: CertificateSecretOptions,
): SecretContent {
  try {
    const ocspStaple = usableStaple(staple, { leaf, nowMs, mustStaple, leftOut });
    const body = encodeCertificate({ chainPem, privateKeyPem, ocspStaple });
    if (privateKeyProvider === undefined) return new SecretContent('certificate', body);
    const provided = withPrivateKeyProvider(body, privateKeyProvider);
    body.fill(0);
    return new SecretContent('certificate', provided);
  } finally {
    privateKeyPem.fill(0);
  }
}

interface StapleUse {
  readonly leaf: X509Certificate;
  readonly nowMs: number;
  readonly mustStaple: boolean;
  readonly leftOut: (problem: IdentityError) => void;
}

/**
 * The staple, when it is a good one; a leaf that must have one is refused without. Envoy refuses the pair for a wrong
 * one.
 * @throws IdentityError `ERR_SECRET_FILE_INVALID`.
 */
function usableStaple(staple: Buffer | undefined, { leaf, nowMs, mustStaple, leftOut }: StapleUse): Buffer | undefined {
  if (staple === undefined) {
    if (!mustStaple) return undefined;
    const message = 'certificate: got one that must staple an OCSP response, expected that in a file beside it';
    throw new IdentityError('ERR_SECRET_FILE_INVALID', message);
  }
  try {
    checkStaple(staple, leaf, nowMs);
    return staple;
  } catch (error) {
    if (mustStaple) throw error;
    leftOut(wrapError('ERR_SECRET_FILE_INVALID', 'OCSP staple', error));
    return undefined;
  }
}
