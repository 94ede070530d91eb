import { openSigner, type Signer } from '../../hotpath/index.js';
import { type CaSigner, caProblem, distinguishedNameText, KEY_USAGE, readFacts } from '../../pki/x509/index.js';

/** A key of the authority, as far as lists are concerned. */
export interface ListSigner {
  /** SHA-256 of its certificate, hex. */
  readonly id: string;
  /** The subject of its certificate, for people. */
  readonly name: string;
  /** False without cRLSign: Envoy then refuses every peer of it for its list. (RFC 5280 §4.2.1.3) */
  readonly maySignLists: boolean;
  /** Another CA has issued its certificate, and maybe those of other Citadels, for whose leaves it signs no list. */
  readonly isIntermediate: boolean;
  /** It signs the certificates of CAs below it, and leaves no more: its key may be away, or slow. */
  readonly isAbove?: boolean;
  /** @throws IdentityError `ERR_SIGNER_INVALID`. */
  load(): CaSigner;
}

export function listSignerOf(signer: Signer): ListSigner {
  const { certificate, material } = signer;
  const facts = readFacts(certificate.raw);
  const isReadable = typeof facts !== 'string' && caProblem(facts) === undefined;
  return {
    id: material.id,
    name: isReadable ? distinguishedNameText(facts.subject) : material.id,
    maySignLists: isReadable && (facts.keyUsage === undefined || (facts.keyUsage & KEY_USAGE.crlSign) !== 0),
    isIntermediate: isReadable && !facts.isSelfIssued,
    load: () => openSigner(signer),
  };
}
