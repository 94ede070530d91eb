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
  /** The {@link ListSigner.id} of those that have signed what is revoked just now; `undefined` for one not known. */
  readonly addedOf?: ReadonlySet<string | undefined>;
}

/**
 * The next lists, one for each key, all with the same certificates: serial numbers are unique, whichever key has signed
 * them. A certificate leaves them when one was signed after it had expired (RFC 5280 §3.3). A key that is gone signs
 * none any more: its last one stays until the leaves of the key have expired. So does that of a key above the others,
 * for its week, when no certificate of it is revoked.
 * @throws IdentityError `ERR_SIGNER_INVALID`, `ERR_CA_KEY_UNAVAILABLE`.
 */
export async function signLists(
  before: RevocationState,
  revoked: readonly Revoked[],
  { signers, leafLifeMs, nowMs, addedOf = new Set() }: Signing,
): Promise<RevocationState> {
  const listed = revoked.filter(({ notAfterMs }) => notAfterMs >= Math.min(before.signedAtMs, nowMs));
  // Never going back, also when the file was lost. (RFC 5280 §5.2.3)
  const number = Math.max(before.number + 1, Math.floor(nowMs / 1000));
  const leastMs = Math.max(MIN_LIFE_MS, leafLifeMs);
  const nextUpdateMs = nowMs + leastMs + RENEW_MS;
  const able = signers.filter(({ maySignLists }) => maySignLists);
  const content = { number, thisUpdateMs: nowMs - BACKDATING_MS, nextUpdateMs, revoked: listed };
  const signing = able.map(async ({ id, name, load, isAbove = false }): Promise<SignedList> => {
    const isNeeded = !isAbove || addedOf.has(id) || addedOf.has(undefined);
    const last = isNeeded ? undefined : before.lists.find((list) => list.id === id && list.nextUpdateMs > nowMs);
    if (last !== undefined && last.nextUpdateMs >= nowMs + leastMs) return last;
    try {
      return { id, name, nextUpdateMs, der: await writeRevocationList(load(), content) };
    } catch (error) {
      // What it has to say is not new, and the lists of the CAs below it must not wait for its key.
      if (last === undefined) throw error;
      return last;
    }
  });
  const signed = await Promise.all(signing);
  const ofGoneKeys = before.lists.filter(
    (list) => list.nextUpdateMs > nowMs && !signers.some(({ id }) => id === list.id),
  );
  // What was said of the keys lasts as long as there is a list in use.
  const isSoleIssuer = before.isSoleIssuer && listed.length > 0;
  return { number, signedAtMs: nowMs, isSoleIssuer, revoked: listed, lists: [...signed, ...ofGoneKeys] };
}
