import type { X509Certificate } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { isIssuedBy } from '../issued-by.js';
import { validityOf } from './validity.js';

/**
 * Proves that each link of the chain is signed by the next, and the last by a certificate of the bundle, all valid at
 * `nowMs`; `ca` demands basicConstraints CA:TRUE.
 *
 * Path length and name constraints are not looked at: Node shows neither, and each peer's own verifier does.
 * @throws IdentityError `ERR_SVID_UNTRUSTED`.
 */
export function checkChain(
  chain: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  nowMs: number,
): void {
  for (const [index, link] of chain.entries()) {
    const next = chain[index + 1];
    if (next === undefined) checkAnchored(link, index + 1, anchors, nowMs);
    else checkLink(link, next, index + 2, nowMs);
  }
}

function checkLink(link: X509Certificate, issuer: X509Certificate, position: number, nowMs: number): void {
  if (!issuer.ca) throw untrusted(position, 'no CA certificate', 'basicConstraints CA:TRUE');
  if (!isValidAt(issuer, nowMs)) {
    throw untrusted(position, `validity ${issuer.validFrom} to ${issuer.validTo}`, 'to be valid now');
  }
  if (!isIssuedBy(link, issuer)) {
    throw untrusted(position - 1, 'another issuer', `to be signed by certificate ${position}`);
  }
}

function checkAnchored(
  last: X509Certificate,
  position: number,
  anchors: readonly X509Certificate[],
  nowMs: number,
): void {
  const issuers = anchors.filter((anchor) => isIssuedBy(last, anchor));
  if (issuers.length === 0) {
    const issuer = JSON.stringify(last.issuer?.slice(0, 200));
    throw untrusted(position, `issuer ${issuer}`, `one of the ${anchors.length} certificates of the bundle`);
  }
  if (!issuers.some((issuer) => isValidAt(issuer, nowMs))) {
    throw untrusted(position, 'an issuer in the bundle that is not valid now', 'a valid one');
  }
}

function isValidAt(certificate: X509Certificate, nowMs: number): boolean {
  const { notBeforeMs, notAfterMs } = validityOf(certificate);
  return notBeforeMs <= nowMs && nowMs <= notAfterMs;
}

function untrusted(position: number, got: string, expected: string): IdentityError {
  return new IdentityError(
    'ERR_SVID_UNTRUSTED',
    `certificate ${position} of the chain: got ${got}, expected ${expected}`,
  );
}
