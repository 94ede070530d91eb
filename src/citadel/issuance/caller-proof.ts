import type { CancelSignal } from '../../cancellation/index.js';
import { errorCodeOf, IdentityError } from '../../errors/index.js';
import type { ServedCall } from '../../net/grpc/index.js';
import type { Span } from '../../telemetry/index.js';
import { type AuthenticatedWorkload, authenticateCaller, type CallerAuthentication } from '../authn/index.js';

/**
 * To read a token and to verify its signature takes some 60 µs of the event loop, in the units of {@link
 * ServedCall.charge}: a connection that sends more of them than fit into its turn waits for the others.
 */
const TOKEN_WORK = 120;

/**
 * That work was for nothing, as the token was refused or the caller has gone: it counts as a flood. Two thousand pods
 * whose tokens are refused at once, by one agent, are none.
 */
const WASTED_TOKEN_COST = 60;

/** Each address gets a hundred tries a second back. */
const NEXT_TRY_MS = 1000;

/**
 * Who calls, by the certificate of the connection or the token of the call. `span`: what it is a part of, where that is
 * traced.
 * @throws IdentityError those of {@link authenticateCaller}; `ERR_CANCELLED` by `stop`;
 *   `ERR_CITADEL_OVERLOADED`: too many tokens of this peer were refused.
 */
export async function proveCaller(
  call: ServedCall,
  authentication: CallerAuthentication,
  stop: CancelSignal,
  span?: Span | undefined,
): Promise<AuthenticatedWorkload> {
  call.charge(0, TOKEN_WORK);
  // All that came with the request is read first: one that was reset at once costs no look at its token.
  // (CVE-2023-44487)
  await undefined;
  if (stop.isCancelled) throw callerHasGone();
  if (!call.mayTry()) {
    call.charge(WASTED_TOKEN_COST, 0);
    throw tooManyBadTokens();
  }
  const workload = await authenticateCaller(authentication, {
    authorization: call.metadata('authorization'),
    clientChain: call.networkPeer?.certificates ?? [],
    span,
  });
  call.proven();
  if (stop.isCancelled) throw callerHasGone();
  return workload;
}

/** Counts a call that was refused as a flood, if that is the caller's doing: its token is none, or it has gone. */
export function chargeRefusal(call: ServedCall, error: unknown): void {
  const code = errorCodeOf(error);
  const isOfCaller = code === 'ERR_CANCELLED' || code.startsWith('ERR_TOKEN_') || code.startsWith('ERR_CLIENT_');
  if (isOfCaller) call.charge(WASTED_TOKEN_COST, 0);
}

export function callerHasGone(): IdentityError {
  return new IdentityError('ERR_CANCELLED', 'the caller has gone');
}

function tooManyBadTokens(): IdentityError {
  const message = 'too many tokens from this address were refused, try again later';
  return new IdentityError('ERR_CITADEL_OVERLOADED', message, { retryAfterMs: NEXT_TRY_MS });
}
