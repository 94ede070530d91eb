import { REVOCATION_REASONS, type RevocationReason } from '../../pki/x509/index.js';

/** One certificate that is revoked. Times in epoch milliseconds. */
export interface Revoked {
  /** Hex, without zeros in front. */
  readonly serial: string;
  /** Its SPIFFE ID, where it is known. */
  readonly identity: string | undefined;
  readonly notAfterMs: number;
  readonly revokedAtMs: number;
  readonly reason: RevocationReason;
  /** Who has said so, for the trail. */
  readonly by: string;
  /** Whether the trail has a record of it. */
  readonly isRecorded: boolean;
}

/** The list of one key, as it was signed last: also of a key that is gone, whose leaves are valid still. */
export interface SignedList {
  /** SHA-256 of the certificate of the key, hex. */
  readonly id: string;
  readonly name: string;
  readonly der: Buffer;
  /** Epoch milliseconds: until then Envoy takes it, and the leaves of its key have expired. */
  readonly nextUpdateMs: number;
}

/** All that must outlast the process. */
export interface RevocationState {
  /** Of the newest lists. */
  readonly number: number;
  /** When they were signed, in epoch milliseconds. */
  readonly signedAtMs: number;
  /** An operator has said that no other key issues below the root of an intermediate. */
  readonly isSoleIssuer: boolean;
  readonly revoked: readonly Revoked[];
  readonly lists: readonly SignedList[];
}

export const NOTHING_REVOKED: RevocationState = {
  ...{ number: 0, signedAtMs: 0, isSoleIssuer: false },
  ...{ revoked: [], lists: [] },
};

export function encodeState({ number, signedAtMs, isSoleIssuer, revoked, lists }: RevocationState): Buffer {
  const document = {
    number,
    signed_at: isoTime(signedAtMs),
    sole_issuer: isSoleIssuer,
    revoked: revoked.map(({ serial, identity, reason, by, ...times }) => ({
      ...{ serial, spiffe_id: identity, reason, by, not_after: isoTime(times.notAfterMs) },
      ...{ revoked_at: isoTime(times.revokedAtMs), recorded: times.isRecorded },
    })),
    lists: lists.map(({ id, name, der, nextUpdateMs }) => {
      return { id, name, next_update: isoTime(nextUpdateMs), der: der.toString('base64') };
    }),
  };
  return Buffer.from(`${JSON.stringify(document, undefined, 1)}\n`);
}

/** `undefined` for what {@link encodeState} has not written. */
export function decodeState(bytes: Buffer): RevocationState | undefined {
  try {
    const { number, signed_at, sole_issuer, revoked, lists } = JSON.parse(bytes.toString('utf8'));
    if (!Number.isSafeInteger(number) || number < 0 || !Array.isArray(revoked) || !Array.isArray(lists)) {
      return undefined;
    }
    return {
      ...{ number, signedAtMs: epochMs(signed_at), isSoleIssuer: sole_issuer === true },
      ...{ revoked: revoked.map(decodeRevoked), lists: lists.map(decodeList) },
    };
  } catch {
    return undefined;
  }
}

function decodeRevoked(entry: unknown): Revoked {
  const { serial, spiffe_id, not_after, revoked_at, reason, by, recorded } = Object(entry);
  if (!/^[0-9a-f]{1,40}$/.test(serial) || !Object.hasOwn(REVOCATION_REASONS, reason)) throw new RangeError(serial);
  return {
    ...{ serial, identity: typeof spiffe_id === 'string' ? spiffe_id : undefined, reason, by: String(by) },
    ...{ notAfterMs: epochMs(not_after), revokedAtMs: epochMs(revoked_at), isRecorded: recorded === true },
  };
}

function decodeList(entry: unknown): SignedList {
  const { id, name, der, next_update } = Object(entry);
  return {
    ...{ id: String(id), name: String(name), nextUpdateMs: epochMs(next_update) },
    der: Buffer.from(String(der), 'base64'),
  };
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** @throws RangeError. */
function epochMs(text: unknown): number {
  const value = Date.parse(String(text));
  if (Number.isNaN(value)) throw new RangeError(`got ${String(text)}, expected a time`);
  return value;
}
