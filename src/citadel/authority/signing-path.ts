import type { X509Certificate } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { ChainLink, type GeneralName, IssuerPool, PathSearch, shownIssuers } from '../../pki/x509/index.js';

/** What a path may be built of. */
export interface AuthorityCertificates {
  readonly signer: X509Certificate;
  /** A set: in any order, with certificates that do not belong. */
  readonly chain: readonly X509Certificate[];
  /** A root, or an intermediate that peers trust as one. */
  readonly roots: readonly X509Certificate[];
}

export interface SigningPath {
  /** The earliest end of the certificates on it, in epoch milliseconds. */
  readonly notAfterMs: number;
  /** What peers need between leaf and root, from below to above. */
  readonly shown: readonly X509Certificate[];
}

/**
 * The path from the signing certificate to a root by which peers will verify leaves with `names`. Pure. By the rules
 * that agents judge an answer by: see {@link PathSearch}. (reference: Istio C24)
 * @throws IdentityError `ERR_SIGNER_INVALID`: there is none; the message names the certificate and the extension in the
 * way.
 */
export function findSigningPath(
  { signer, chain, roots }: AuthorityCertificates,
  names: readonly GeneralName[],
  nowMs: number,
): SigningPath {
  const pool = new IssuerPool(
    roots.map((root) => new ChainLink(root)),
    chain.map((certificate) => new ChainLink(certificate)),
  );
  const path = new PathSearch(pool, nowMs).fromIssuer(new ChainLink(signer), {
    constrainedNames: names,
    hasPolicies: false,
  });
  if (path.kind === 'none') {
    const { what, got, expected } = path.why;
    throw new IdentityError(
      'ERR_SIGNER_INVALID',
      `peers would refuse what is issued, for ${what} has ${got}, expected ${expected}`,
    );
  }
  return {
    notAfterMs: Math.min(...path.issuers.map(({ certificate }) => Date.parse(certificate.validTo))),
    shown: shownIssuers(path.issuers).map(({ certificate }) => certificate),
  };
}
