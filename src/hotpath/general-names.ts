import { IdentityError } from '../errors/index.js';
import { SpiffeId } from '../pki/spiffe/index.js';
import { type GeneralName, hostName, uriName, writeGeneralName } from '../pki/x509/index.js';

/**
 * One subject alternative name in DER: `spiffe://` text is a URI, an IP address an IP, all else a DNS name. (Istio C20)
 * @throws IdentityError `ERR_SPIFFE_ID_INVALID`, or `ERR_INTERNAL` for what is no name at all: names come from our own
 *   policy, never from a peer as they are.
 */
export function generalName(name: string): Buffer {
  return writeGeneralName(nameOfLeaf(name));
}

/** The names that a leaf will have, as name constraints are held against them. @throws as {@link generalName}. */
export function namesOfLeaf(names: readonly string[]): readonly GeneralName[] {
  return names.map(nameOfLeaf);
}

function nameOfLeaf(name: string): GeneralName {
  const read = name.startsWith('spiffe://') ? uriName(SpiffeId.parse(name).toString()) : hostName(name);
  if (read !== undefined) return read;
  throw new IdentityError(
    'ERR_INTERNAL',
    `subject alternative name: got ${JSON.stringify(name.slice(0, 120))}, expected a SPIFFE ID, IP address or DNS name`,
  );
}
