import { type Claims, membersOf } from './claims.js';
import { refusedClaim } from './refusals.js';

/** Namespaces are DNS labels, at most 63 characters. (RFC 1123; Kubernetes, "Object Names and IDs") */
const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Service accounts are DNS subdomains, at most 253 characters. */
const SERVICE_ACCOUNT = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** The claims that say whose a token is. Their types are not checked. */
export interface WorkloadClaims {
  /** `sub`. */
  readonly subject: unknown;
  /** Of `kubernetes.io`: what the token is bound to. (Kubernetes, "Schema for service account private claims") */
  readonly namespace: unknown;
  readonly serviceAccount: unknown;
  readonly podName: unknown;
  readonly podUid: unknown;
}

export interface ServiceAccount {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** The claims of a token that say whose it is; `undefined` each where it has none. */
export function workloadClaims(claims: Claims): WorkloadClaims {
  const { namespace, serviceaccount, pod } = membersOf(claims['kubernetes.io']);
  const { name: podName, uid: podUid } = membersOf(pod);
  return { subject: claims.sub, namespace, serviceAccount: membersOf(serviceaccount).name, podName, podUid };
}

/**
 * The service account of a token. `sub` must be exactly `system:serviceaccount:<namespace>:<name>`, with names that
 * Kubernetes allows, and the `kubernetes.io` claims, if there are any, must not say something else.
 * @throws IdentityError `ERR_TOKEN_REFUSED`.
 */
export function serviceAccountOf(claims: WorkloadClaims): ServiceAccount {
  const { subject } = claims;
  const parts = typeof subject === 'string' ? subject.split(':') : [];
  const [system, kind, namespace = '', serviceAccount = ''] = parts;
  const isServiceAccount = parts.length === 4 && system === 'system' && kind === 'serviceaccount';
  if (!isServiceAccount || !NAMESPACE.test(namespace) || !SERVICE_ACCOUNT.test(serviceAccount)) {
    throw refusedClaim('sub', subject, 'system:serviceaccount:<namespace>:<service account>');
  }
  agree('kubernetes.io/namespace', claims.namespace, namespace);
  agree('kubernetes.io/serviceaccount/name', claims.serviceAccount, serviceAccount);
  return { namespace, serviceAccount };
}

function agree(claim: string, value: unknown, expected: string): void {
  if (value !== undefined && value !== expected) throw refusedClaim(claim, value, `${expected}, as in sub`);
}
