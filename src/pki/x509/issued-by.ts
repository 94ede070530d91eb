import type { X509Certificate } from 'node:crypto';

/** Whether `issuer` has signed `certificate`, whatever their names say. */
export function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    // OpenSSL throws for a public key of a kind that it does not know.
    return false;
  }
}

/**
 * Whether `issuer` names itself as the issuer of `certificate` and has signed it. `checkIssued` compares names and key
 * identifiers and demands keyCertSign where the issuer has a KeyUsage (X509_check_issued); `verify` is the signature.
 */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && isSignedBy(certificate, issuer);
}
