import { SECRET_KINDS, type SecretKind } from './secret-kind.js';

/** Content that a peer has refused. */
export interface Rejection {
  readonly version: string;
  /** When another secret of one of these kinds changes, the content may be offered once more. */
  readonly liftedBy: readonly SecretKind[];
}

const NONE: readonly SecretKind[] = [];

/**
 * Of which kind Envoy complains, by the words in its texts: the code is always the same. Seen with 1.36 to 1.40.
 * (reference: Envoy 5)
 */
const COMPLAINTS: readonly { readonly kind: SecretKind; readonly words: RegExp }[] = [
  { kind: 'validation-context', words: /trusted CA|SAN-based verification|\bCRL\b/i },
  { kind: 'session-ticket-keys', words: /session ticket/i },
  { kind: 'certificate', words: /private key|certificate chain|incomplete certificate|OCSP|PKCS#?12/i },
];

/** The kind of secret that the text of a NACK speaks of; `undefined` when it does not say. */
export function blamedKind(text: string): SecretKind | undefined {
  return COMPLAINTS.find(({ words }) => words.test(text))?.kind;
}

/**
 * Envoy builds a TLS context from a pair of secrets and NACKs the one that came last, whichever is at fault: so a
 * refused bundle may be good, and is only waiting for another certificate. What is to blame by its own kind stays
 * refused; where the text does not say, or several secrets of that kind came together, a change of another one may be
 * the cure.
 */
export function liftedBy(own: SecretKind | undefined, blamed: SecretKind | undefined, isAlone: boolean) {
  if (own === undefined) return NONE;
  if (blamed === undefined) return SECRET_KINDS;
  return blamed === own && isAlone ? NONE : [blamed];
}
