import { writeRevocationList } from '../../pki/x509/index.js';
import type { ListSigner } from './list-signer.js';
import type { RevocationState, Revoked, SignedList } from './revocation-state.js';

/** Lists are renewed this often. A day is enough for what hears of each revocation at once. */
export const RENEW_MS = 24 * 3_600_000;

/**
 * A list that has expired makes Envoy refuse every peer of its CA. It lives for longer than each leaf of its key, so
 * that a Citadel that is away ends no connection sooner than leaves would; and for a week at least.
 */
const MIN_LIFE_MS = 7 * 24 * 3_600_000;

/** Envoys whose clocks are behind must not take a new list for one of tomorrow. */
const BACKDATING_MS = 3_600_000;

export interface Signing {
  readonly signers: readonly ListSigner[];
  /** The longest life of a leaf. */
  readonly leafLifeMs: number;
  readonly nowMs: number;
}

/**
 * The next lists, one for each key, all with the same certificates: serial numbers are unique, whichever key has signed
 * them. A certificate leaves them when one was signed after it had expired (RFC 5280 §3.3). A key that is gone signs
 * none any more: its last one stays until the leaves of the key have expired.
 * @throws IdentityError `ERR_SIGNER_INVALID`, `ERR_CA_KEY_UNAVAILABLE`.
 */
export async function signLists(
  before: RevocationState,
  revoked: readonly Revoked[],
  { signers, leafLifeMs, nowMs }: Signing,
): Promise<RevocationState> {
  const listed = revoked.filter(({ notAfterMs }) => notAfterMs >= Math.min(before.signedAtMs, nowMs));
  // Never going back, also when the file was lost. (RFC 5280 §5.2.3)
  const number = Math.max(before.number + 1, Math.floor(nowMs / 1000));
  const nextUpdateMs = nowMs + Math.max(MIN_LIFE_MS, leafLifeMs) + RENEW_MS;
  const able = signers.filter(({ maySignLists }) => maySignLists);
  const content = { number, thisUpdateMs: nowMs - BACKDATING_MS, nextUpdateMs, revoked: listed };
  const signing = able.map(async ({ id, name, load }): Promise<SignedList> => {
    return { id, name, nextUpdateMs, der: await writeRevocationList(load(), content) };
  });
  const signed = await Promise.all(signing);
  const ofGoneKeys = before.lists.filter(
    (list) => list.nextUpdateMs > nowMs && !signers.some(({ id }) => id === list.id),
  );
  // What was said of the keys lasts as long as there is a list in use.
  const isSoleIssuer = before.isSoleIssuer && listed.length > 0;
  return { number, signedAtMs: nowMs, isSoleIssuer, revoked: listed, lists: [...signed, ...ofGoneKeys] };
}
