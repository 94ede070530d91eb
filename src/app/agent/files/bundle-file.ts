import { IdentityError } from '../../../errors/index.js';
import { TrustBundle } from '../../../spiffe/index.js';

/**
 * Reads roots in PEM. At least one must be alive: with a bundle of ended ones Envoy would refuse everybody.
 * @throws IdentityError `ERR_BUNDLE_INVALID`.
 */
export function parseLivingBundle(pem: Buffer, nowMs: number): TrustBundle {
  const bundle = TrustBundle.parsePem(pem);
  if (bundle.list().some(({ validTo }) => nowMs < Date.parse(validTo))) return bundle;
  throw new IdentityError(
    'ERR_BUNDLE_INVALID',
    'trust bundle: got only certificates that have ended, expected a valid one',
  );
}
