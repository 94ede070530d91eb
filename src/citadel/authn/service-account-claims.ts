import {
  type Claims,
  numericDateMs,
  refusedClaim,
  serviceAccountOf,
  workloadClaims,
} from '../../pki/service-account/index.js';
import { SpiffeId, type TrustDomain } from '../../pki/spiffe/index.js';
import type { AuthenticatedWorkload } from './authenticator.js';

export interface WorkloadOptions {
  /** Of the identities that come out. */
  readonly trustDomain: TrustDomain;
  /** What a token must be bound to. (Kubernetes, "Bound service account tokens") */
  readonly binding: 'pod' | 'any';
}

/**
 * Says which workload verified claims name. With `binding` `pod` they must name the pod that the token is bound to:
 * tokens of `kubectl create token` and of Secrets are bound to none.
 * @throws IdentityError `ERR_TOKEN_REFUSED`.
 */
export function readWorkload(claims: Claims, { trustDomain, binding }: WorkloadOptions): AuthenticatedWorkload {
  const bound = workloadClaims(claims);
  const { namespace, serviceAccount } = serviceAccountOf(bound);
  const { podName, podUid } = bound;
  if (binding === 'pod') {
    named('kubernetes.io/pod/name', podName);
    named('kubernetes.io/pod/uid', podUid);
  }
  return {
    spiffeId: SpiffeId.forServiceAccount(trustDomain, namespace, serviceAccount),
    podName: typeof podName === 'string' ? podName : undefined,
    podUid: typeof podUid === 'string' && podUid !== '' ? podUid : undefined,
    tokenExpiresAtMs: numericDateMs(claims.exp) ?? 0,
    authenticatedBy: typeof claims.iss === 'string' ? claims.iss : undefined,
  };
}

function named(claim: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') throw refusedClaim(claim, value, 'the pod that the token is bound to');
}
