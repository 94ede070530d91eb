import type { CaSigner } from './ca-signer.js';
import { DerTag } from './der-view.js';
import { bitString, contextConstructed, element, sequence, time, unsignedInteger } from './der-writer.js';
import { authorityKeyIdentifier, crlNumber, reasonCode } from './extension-writer.js';

/** Why a certificate was revoked, by the names of RFC 5280 §5.3.1; `removeFromCRL` is for delta lists alone. */
export const REVOCATION_REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;

export type RevocationReason = keyof typeof REVOCATION_REASONS;

export interface RevokedCertificate {
  /** Hex. */
  readonly serial: string;
  /** Epoch milliseconds; whole seconds count. */
  readonly revokedAtMs: number;
  readonly reason: RevocationReason;
}

export interface RevocationListContent {
  /** Of the list, larger than that of each one before. (RFC 5280 §5.2.3) */
  readonly number: number;
  /** Epoch milliseconds; whole seconds count. */
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  readonly revoked: readonly RevokedCertificate[];
}

/** Version 2 is written as 1. (RFC 5280 §5.1.2.1) */
const V2 = unsignedInteger(Buffer.from([1]));

/**
 * A complete revocation list in DER, without critical extensions: number of the list, key of its issuer, and a reason
 * for each certificate but `unspecified`, which has none. (RFC 5280 §5.1, §5.3.1) Rejects with what `sign` does.
 */
export async function writeRevocationList(signer: CaSigner, content: RevocationListContent): Promise<Buffer> {
  const { algorithm, subject, keyIdentifier } = signer;
  const { number, thisUpdateMs, nextUpdateMs, revoked } = content;
  // An empty one must be left out. (RFC 5280 §5.1.2.6)
  const entries = revoked.length === 0 ? [] : [sequence(...revoked.map(entry))];
  const toBeSigned = sequence(
    ...[V2, algorithm.identifier, subject, time(thisUpdateMs), time(nextUpdateMs), ...entries],
    contextConstructed(0, sequence(authorityKeyIdentifier(keyIdentifier), crlNumber(unsignedInteger(octets(number))))),
  );
  return sequence(toBeSigned, algorithm.identifier, bitString(await signer.sign(toBeSigned)));
}

function entry({ serial, revokedAtMs, reason }: RevokedCertificate): Buffer {
  const code = REVOCATION_REASONS[reason];
  const why = code === 0 ? [] : [sequence(reasonCode(element(DerTag.enumerated, Buffer.from([code]))))];
  return sequence(unsignedInteger(octetsOfHex(serial)), time(revokedAtMs), ...why);
}

function octets(number: number): Buffer {
  return octetsOfHex(number.toString(16));
}

function octetsOfHex(hex: string): Buffer {
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
}
