import { errorCodeOf, IdentityError } from '../../errors/index.js';
import { refusedClaim, type TokenClaims } from '../../pki/service-account/index.js';
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
export function podIdentityOf({ subject, boundTo }: TokenClaims, trustDomain: TrustDomain): PodIdentity {
  const { namespace, serviceAccount } = parseSubject(subject);
  agree('kubernetes.io/namespace', boundTo.namespace, namespace);
  agree('kubernetes.io/serviceaccount/name', boundTo.serviceAccount, serviceAccount);
  const { podUid } = boundTo;
  if (typeof podUid !== 'string' || podUid === '' || podUid.length > MAX_POD_UID_CHARS) {
    throw refusedClaim('kubernetes.io/pod/uid', podUid, 'the pod that the token is bound to');
  }
  const spiffeId = spiffeIdOf(trustDomain, namespace, serviceAccount);
  return { spiffeId, key: `${spiffeId} ${podUid}`, podUid };
}

function parseSubject(subject: string | undefined): { namespace: string; serviceAccount: string } {
  const parts = subject?.split(':') ?? [];
  const [system, kind, namespace = '', serviceAccount = ''] = parts;
  if (parts.length === 4 && system === 'system' && kind === 'serviceaccount') return { namespace, serviceAccount };
  throw refusedClaim('sub', subject, 'system:serviceaccount:<namespace>:<service account>');
}

function agree(claim: string, value: unknown, expected: string): void {
  if (value !== undefined && value !== expected) throw refusedClaim(claim, value, `${expected}, as in sub`);
}

function spiffeIdOf(trustDomain: TrustDomain, namespace: string, serviceAccount: string): SpiffeId {
  try {
    return SpiffeId.forServiceAccount(trustDomain, namespace, serviceAccount);
  } catch (error) {
    if (errorCodeOf(error) !== 'ERR_SPIFFE_ID_INVALID') throw error;
    throw new IdentityError('ERR_TOKEN_REFUSED', 'token claim sub: got names that no SPIFFE ID can have', {
      cause: error,
    });
  }
}
