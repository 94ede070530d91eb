import { IdentityError } from '../../errors/index.js';
import type { ServedCall } from '../../net/grpc/index.js';

type Metadata = Pick<ServedCall, 'metadata'>;

/** The header fields that are read of a call: no other is kept. */
export const CALLER_METADATA: readonly string[] = ['authorization', 'clusterid'];

/** Exactly one space and a capital B, as Istio's agents send it and istiod demands it. (reference: Istio C13, 3.1) */
const BEARER = /^Bearer ([^\s,]+)$/;

/** An id is a short name; this much of a longer one tells who it is. */
const MAX_CLUSTER_ID_CHARS = 64;

/**
 * The caller's token.
 * @throws IdentityError `ERR_TOKEN_MISSING`: no `authorization`; `ERR_TOKEN_MALFORMED`: several, or none of the form
 *   `Bearer <token>`. No message quotes it.
 */
export function bearerToken(call: Metadata): string {
  const values = call.metadata('authorization');
  const [value] = values;
  if (value === undefined) throw new IdentityError('ERR_TOKEN_MISSING', 'authorization: got none, expected a token');
  const token = values.length === 1 ? BEARER.exec(value)?.[1] : undefined;
  if (token === undefined) {
    throw new IdentityError(
      'ERR_TOKEN_MALFORMED',
      `authorization: got ${values.length} values of ${value.length} characters, expected one of the form "Bearer <token>"`,
    );
  }
  return token;
}

/** What the caller calls its cluster, for the log: unverified. Several values count as none. (reference: Istio C13) */
export function clusterId(call: Metadata): string {
  const [value = '', ...others] = call.metadata('clusterid');
  return others.length === 0 ? value.slice(0, MAX_CLUSTER_ID_CHARS) : '';
}
