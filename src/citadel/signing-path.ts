import type { X509Certificate } from 'node:crypto';
import { IdentityError } from '../errors/index.js';
import { isIssuedBy } from '../hotpath/index.js';

/** Longer paths do not occur, and each step may try all candidates. */
const MAX_PATH_LENGTH = 8;

/** By what a path is judged. */
export interface PathRules {
  /** Epoch milliseconds. */
  readonly nowMs: number;
  /** The pathLenConstraint of a CA certificate. */
  readonly pathLengthOf: (certificate: X509Certificate) => number | undefined;
}

/**
 * The certificates from `signer` (first) to a root (last) by which peers will verify our leaves. Pure.
 * Each is a CA, valid at `nowMs`, signed by the next and allowed to have so many CAs below it; the last is one of `roots`.
 * (RFC 5280 §6.1; reference: Istio C24)
 * @throws IdentityError `ERR_SIGNER_INVALID` when there is no such path.
 */
export function findSigningPath(
  signer: X509Certificate,
  intermediates: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  rules: PathRules,
): readonly X509Certificate[] {
  const path = isUsable(signer, rules.nowMs) ? extend([signer], intermediates, roots, rules) : undefined;
  if (path !== undefined) return path;
  throw new IdentityError(
    'ERR_SIGNER_INVALID',
    `signing certificate ${quotedName(signer)}, valid ${signer.validFrom} to ${signer.validTo}: ` +
      `no valid path leads through ${intermediates.length} intermediates to one of ${roots.length} roots`,
  );
}

function extend(
  path: readonly X509Certificate[],
  intermediates: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  rules: PathRules,
): readonly X509Certificate[] | undefined {
  const last = path.at(-1);
  if (last === undefined || path.length > MAX_PATH_LENGTH) return undefined;
  if (isOneOf(last, roots)) return path;
  const root = roots.find((candidate) => mayFollow(path, candidate, rules));
  if (root !== undefined) return [...path, root];
  for (const candidate of intermediates) {
    if (isOneOf(candidate, path) || !mayFollow(path, candidate, rules)) continue;
    const whole = extend([...path, candidate], intermediates, roots, rules);
    if (whole !== undefined) return whole;
  }
  return undefined;
}

/** True for a CA of this time that has issued the last in `path`, and allows as many CAs below it as are there. */
function mayFollow(path: readonly X509Certificate[], issuer: X509Certificate, rules: PathRules): boolean {
  const last = path.at(-1);
  if (last === undefined || !isUsable(issuer, rules.nowMs) || !isIssuedBy(last, issuer)) return false;
  // Self-issued ones do not count. (RFC 5280 §4.2.1.9)
  const below = path.filter(({ subject, issuer: name }) => subject !== name).length;
  return below <= (rules.pathLengthOf(issuer) ?? Number.POSITIVE_INFINITY);
}

function isUsable(certificate: X509Certificate, nowMs: number): boolean {
  return certificate.ca && Date.parse(certificate.validFrom) <= nowMs && nowMs < Date.parse(certificate.validTo);
}

function isOneOf(certificate: X509Certificate, others: readonly X509Certificate[]): boolean {
  return others.some((other) => other.fingerprint256 === certificate.fingerprint256);
}

function quotedName(certificate: X509Certificate): string {
  return JSON.stringify(certificate.subject.replaceAll('\n', ', '));
}
