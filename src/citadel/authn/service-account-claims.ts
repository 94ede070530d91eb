import { membersOf, numericDateMs, refusedClaim } from '../../pki/service-account/index.js';
import { SpiffeId, type TrustDomain } from '../../pki/spiffe/index.js';
import type { AuthenticatedWorkload } from './authenticator.js';

/** The claims of a token whose signature has been verified; their types are not checked yet. */
export interface VerifiedClaims {
  readonly iss?: unknown;
  readonly aud?: unknown;
  readonly sub?: unknown;
  readonly exp?: unknown;
  readonly nbf?: unknown;
  readonly iat?: unknown;
  /** Private claims of Kubernetes: what the token is bound to. */
  readonly 'kubernetes.io'?: unknown;
}

export interface WorkloadOptions {
  /** Of the identities that come out. */
  readonly trustDomain: TrustDomain;
  /** What a token must be bound to. (Kubernetes, "Bound service account tokens") */
  readonly binding: 'pod' | 'any';
}

/** Namespaces are DNS labels, at most 63 characters. (RFC 1123; Kubernetes, "Object Names and IDs") */
const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Service accounts are DNS subdomains, at most 253 characters. */
const SERVICE_ACCOUNT = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/**
 * Says which workload verified claims name. `sub` must be exactly `system:serviceaccount:<namespace>:<account>`, and
 * the `kubernetes.io` claims, if there are any, must not say something else. With `binding` `pod` they must name the pod that
 * the token is bound to: tokens of `kubectl create token` and of Secrets are bound to none.
 * @throws IdentityError `ERR_TOKEN_REFUSED`.
 */
export function readWorkload(claims: VerifiedClaims, { trustDomain, binding }: WorkloadOptions): AuthenticatedWorkload {
  const { namespace, serviceAccount } = parseSubject(claims.sub);
  const bound = membersOf(claims['kubernetes.io']);
  agree('kubernetes.io/namespace', bound.namespace, namespace);
  agree('kubernetes.io/serviceaccount/name', membersOf(bound.serviceaccount).name, serviceAccount);
  const { name: podName, uid } = membersOf(bound.pod);
  if (binding === 'pod') {
    named('kubernetes.io/pod/name', podName);
    named('kubernetes.io/pod/uid', uid);
  }
  return {
    spiffeId: SpiffeId.forServiceAccount(trustDomain, namespace, serviceAccount),
    podName: typeof podName === 'string' ? podName : undefined,
    tokenExpiresAtMs: numericDateMs(claims.exp) ?? 0,
  };
}

function named(claim: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') throw refusedClaim(claim, value, 'the pod that the token is bound to');
}

function parseSubject(subject: unknown): { namespace: string; serviceAccount: string } {
  const parts = typeof subject === 'string' ? subject.split(':') : [];
  const [system, kind, namespace = '', serviceAccount = ''] = parts;
  const isServiceAccount = parts.length === 4 && system === 'system' && kind === 'serviceaccount';
  if (!isServiceAccount || !NAMESPACE.test(namespace) || !SERVICE_ACCOUNT.test(serviceAccount)) {
    throw refusedClaim('sub', subject, 'system:serviceaccount:<namespace>:<service account>');
  }
  return { namespace, serviceAccount };
}

function agree(claim: string, value: unknown, expected: string): void {
  if (value !== undefined && value !== expected) throw refusedClaim(claim, value, `${expected}, as in sub`);
}
