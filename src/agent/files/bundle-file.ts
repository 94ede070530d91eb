import { IdentityError } from '../../errors/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';
import type { Parsed, Round } from './reloaded-files.js';

/**
 * Reads roots in PEM, as {@link usableRoots} has them.
 * @throws IdentityError `ERR_BUNDLE_INVALID`, also when all have expired: a bundle is never empty.
 */
export function parseBundleFile(
  pem: Buffer,
  nowMs: number,
  round: Pick<Round<unknown>, 'leftOut'>,
): Parsed<TrustBundle> {
  return usableRoots(TrustBundle.parsePem(pem), nowMs, round);
}

/**
 * Those of the roots of a file that have not expired: Envoy may take an expired one for the issuer of a peer, and
 * refuse that. When the next one expires, the file is parsed again.
 * @throws IdentityError `ERR_BUNDLE_INVALID`: all have expired.
 */
export function usableRoots(
  all: TrustBundle,
  nowMs: number,
  { leftOut }: Pick<Round<unknown>, 'leftOut'>,
): Parsed<TrustBundle> {
  const value = all.usableAt(nowMs);
  if (value === undefined) throw invalid('only expired certificates', 'one that is valid');
  if (value.size < all.size)
    leftOut(invalid(`${all.size - value.size} expired certificates of ${all.size}`, 'valid ones'));
  return { value, goodUntilMs: value.firstNotAfterMs };
}

function invalid(got: string, expected: string): IdentityError {
  return new IdentityError('ERR_BUNDLE_INVALID', `trust bundle: got ${got}, expected ${expected}`);
}
