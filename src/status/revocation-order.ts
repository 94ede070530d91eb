import type { Socket } from 'node:net';
import { errorCodeOf, messageOf } from '../errors/index.js';
import { REVOCATION_REASONS, type RevocationReason } from '../pki/x509/index.js';
import type { Logger } from '../telemetry/index.js';
import { whoChanges } from './own-user.js';
import { plain, type StatusAnswer, type StatusRequest } from './status-pages.js';

interface Certificate {
  /** Hex. */
  readonly serial: string;
  readonly identity: string | undefined;
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
}

type Order =
  | { readonly serial: string }
  | { readonly identity: string }
  | { readonly certificates: readonly Certificate[] };

interface Terms {
  readonly reason: RevocationReason;
  readonly by: string;
  readonly isTrial: boolean;
  readonly isSoleIssuer: boolean;
}

/** What revokes certificates. */
export interface Revoking {
  /** Resolves with those that are revoked. @throws IdentityError `ERR_REVOCATION_REFUSED`, `ERR_TRAIL_UNAVAILABLE`. */
  revoke(order: Order, terms: Terms): Promise<readonly Certificate[]>;
}

/**
 * Answers `PUT /revocations?serial=HEX&reason=NAME`, or with `identity=SPIFFE-ID`, or with `certificate=HEX@SECONDS`
 * for each that another Citadel has issued (to `identity`, until then); `trial=1` changes nothing, `sole-issuer=1`
 * says that no other key issues below the root of an intermediate. For the user of this process and for root alone.
 */
export async function orderRevocation(
  { target, ...request }: StatusRequest,
  socket: Socket,
  { revoking, logger }: { readonly revoking: Revoking; readonly logger: Logger },
): Promise<StatusAnswer> {
  const asked = readOrder(target);
  if (asked === undefined) {
    return plain(400, `expected serial, identity or certificate=HEX@SECONDS, and reason=${REASONS.join('|')}`);
  }
  const user = await whoChanges(request, socket, logger);
  if (!('uid' in user)) return user;
  try {
    const certificates = await revoking.revoke(asked.order, { ...asked.terms, by: `uid ${user.uid}` });
    const shown = certificates.map(({ serial, identity, notAfterMs }) => {
      return { serial, spiffe_id: identity, not_after: new Date(notAfterMs).toISOString() };
    });
    return { code: 200, contentType: 'application/json', text: `${JSON.stringify({ certificates: shown })}\n` };
  } catch (error) {
    return plain(409, `${errorCodeOf(error)}: ${messageOf(error)}`);
  }
}

const REASONS = Object.keys(REVOCATION_REASONS);

function readOrder(target: string): { order: Order; terms: Omit<Terms, 'by'> } | undefined {
  const query = new URLSearchParams(target.slice(target.indexOf('?') + 1));
  const [serial, identity, reason] = [query.get('serial'), query.get('identity'), query.get('reason')];
  if (!isReason(reason)) return undefined;
  const terms = { reason, isTrial: query.get('trial') === '1', isSoleIssuer: query.get('sole-issuer') === '1' };
  const certificates = query.getAll('certificate').map((text) => readCertificate(text, identity ?? undefined));
  if (certificates.length > 0) {
    const good = certificates.flatMap((one) => one ?? []);
    return good.length === certificates.length ? { order: { certificates: good }, terms } : undefined;
  }
  if (serial !== null) return SERIAL.test(serial) ? { order: { serial }, terms } : undefined;
  return identity === null ? undefined : { order: { identity }, terms };
}

/** Hex of small letters, without zeros in front. */
const SERIAL = /^(?:0|[1-9a-f][0-9a-f]{0,39})$/;

function readCertificate(text: string, identity: string | undefined): Certificate | undefined {
  const [serial = '', seconds = ''] = text.split('@');
  const isGood = SERIAL.test(serial) && /^\d{1,11}$/.test(seconds);
  return isGood ? { serial, identity, notAfterMs: Number(seconds) * 1000 } : undefined;
}

function isReason(text: string | null): text is RevocationReason {
  return text !== null && REASONS.includes(text);
}
