import { refusedClaim, serviceAccountOf, type WorkloadClaims } from '../../pki/service-account/index.js';
import { SpiffeId, type TrustDomain } from '../../pki/spiffe/index.js';

/** Whom a token stands for, once it has been accepted. */
export interface PodIdentity {
  readonly spiffeId: SpiffeId;
  /** Tokens with the same key share one identity and its private key. */
  readonly key: string;
  readonly podUid: string | undefined;
}

/** A UID is a UUID of 36 characters; Kubernetes promises only that it is a text. */
const MAX_POD_UID_CHARS = 128;

/**
 * Says which pod the claims name: the identity of its service account, with a key pair for each pod. As the claims are
 * unverified this is only what to ask the CA for.
 * @throws IdentityError `ERR_TOKEN_REFUSED`: no token of a service account, claims that contradict one another, or not
 *   bound to a pod.
 */
export function podIdentityOf(claims: WorkloadClaims, trustDomain: TrustDomain): PodIdentity {
  const { namespace, serviceAccount } = serviceAccountOf(claims);
  const { podUid } = claims;
  if (typeof podUid !== 'string' || podUid === '' || podUid.length > MAX_POD_UID_CHARS) {
    throw refusedClaim('kubernetes.io/pod/uid', podUid, 'the pod that the token is bound to');
  }
  const spiffeId = SpiffeId.forServiceAccount(trustDomain, namespace, serviceAccount);
  return { spiffeId, key: `${spiffeId} ${podUid}`, podUid };
}
