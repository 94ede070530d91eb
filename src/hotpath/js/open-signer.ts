import { sign } from 'node:crypto';
import type { Signer } from '../signer.js';
import { type LeafIssuer, loadIssuer, loadSigner } from './loaded-signer.js';

/** A signer that signs whatever it is given: what is no leaf. */
export interface OpenSigner extends LeafIssuer {
  /** @throws IdentityError `ERR_CA_KEY_UNAVAILABLE`, where the key is elsewhere. */
  sign(toBeSigned: Buffer): Promise<Buffer>;
}

/**
 * For what is signed now and then, such as revocation lists: here, or wherever the key is.
 * @throws IdentityError `ERR_SIGNER_INVALID`.
 */
export function openSigner({ material, remote }: Signer): OpenSigner {
  if (remote !== undefined) return { ...loadIssuer(material), sign: remote.sign };
  const { key, ...issuer } = loadSigner(material);
  return { ...issuer, sign: async (toBeSigned) => sign(issuer.algorithm.hash, toBeSigned, key) };
}
