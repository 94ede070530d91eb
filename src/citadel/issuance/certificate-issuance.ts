import type { CancelSignal } from '../../cancellation/index.js';
import { IdentityError } from '../../errors/index.js';
import type { HotPath } from '../../hotpath/index.js';
import { Field, inSpan, type RateLimitedLogger, type RepeatedEvent, type Span } from '../../telemetry/index.js';
import type { AuthenticatedWorkload, CallerAuthentication, NodeImpersonation } from '../authn/index.js';
import { decideValidity, MIN_TTL_MS, type SigningAuthority } from '../authority/index.js';
import { aliasUris, checkCsrContent, type IssuingPolicy, type IssuingTerms } from '../policy/index.js';
import type { CreateCertificateRequest } from './certificate-codec.js';
import type { FleetView } from './fleet-view.js';
import type { HeldLeaves } from './held-leaves.js';
import { rootsVersion } from './trust-bundle-codec.js';

/** What issuing takes. */
export interface IssuanceOptions extends CallerAuthentication {
  readonly hotPath: Pick<HotPath, 'issue'>;
  readonly authority: SigningAuthority;
  /** On which terms identities get certificates. It may be another one at each call. */
  readonly policy: () => Pick<IssuingPolicy, 'termsFor' | 'trustDomainAliases'>;
  /** Lets trusted callers have the certificates of others; left out, none may. */
  readonly impersonation?: Pick<NodeImpersonation, 'authorize'> | undefined;
  /** Where it stands afterwards what was issued and refused; left out, only the log tells. */
  readonly trail?: IssuanceTrail | undefined;
  /** What is shown of the last ones. */
  readonly recent?: { issued(fields: TrailFields): void; refused(fields: TrailFields): void } | undefined;
  /** Is told what each workload holds. */
  readonly fleet?: Pick<FleetView, 'issued'> | undefined;
  /** Is told who has a certificate, so that renewals can wait. */
  readonly held?: Pick<HeldLeaves, 'issued'> | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What issuing wants of the records of it. */
export interface IssuanceTrail {
  /** @throws IdentityError `ERR_TRAIL_UNAVAILABLE`: no certificate may be issued now. */
  assertTaking(): void;
  /**
   * Resolves when the certificate may go out. Rejects with an IdentityError `ERR_TRAIL_UNAVAILABLE` when it must not.
   */
  issued(fields: TrailFields, leafPem: Buffer): Promise<void>;
  refused(fields: TrailFields): void;
}

export type TrailFields = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** One identity may ask for certificates as fast as it likes. */
const ISSUED: RepeatedEvent = {
  message: 'certificate issued',
  summary: 'certificates issued',
  subject: Field.spiffeId,
};

/** Who asks, as far as the log is concerned. */
export interface CallerTrace {
  readonly connection: number;
  /** The IP address of its connection, if it is known. */
  readonly address: string | undefined;
  readonly clusterId: string;
}

export interface Caller extends CallerTrace {
  /** For what it can cause at will. */
  readonly log: Pick<RateLimitedLogger, 'warn' | 'repeated'>;
  /** Aborted when it has gone, or has been refused: what no caller waits for is not signed. */
  readonly signal: CancelSignal;
  /** No other request is in flight. */
  readonly isAlone: boolean;
  /** Of its call, where that is traced. */
  readonly span?: Span | undefined;
}

/**
 * Issues a leaf for the workload that the token names, whatever the CSR says of itself.
 * @returns the leaf, in PEM.
 * @throws IdentityError the codes of {@link HotPath.issue}, {@link decideValidity}, {@link checkCsrContent} and {@link
 *   IssuanceTrail};
 *   `ERR_TOKEN_EXPIRED`: leaves end with their tokens, and this one expires too soon for a useful life.
 */
export async function issueLeaf(
  options: IssuanceOptions,
  workload: AuthenticatedWorkload,
  request: CreateCertificateRequest,
  caller: Caller,
): Promise<Buffer> {
  const { authority, hotPath, trail, now } = options;
  trail?.assertTaking();
  const nowMs = now();
  const decide = (): LeafTerms => leafTerms(options, workload, request, nowMs);
  const { span } = caller;
  const leaf = span === undefined ? decide() : await inSpan(span, 'citadel.policy', async () => decide());
  const { validity, spiffeId, dnsNames, aliases } = leaf;
  const wanted = {
    csrPem: request.csrPem,
    signer: authority.signer,
    subjectAltNames: [spiffeId, ...dnsNames],
    notBeforeMs: validity.notBeforeMs,
    notAfterMs: validity.notAfterMs,
  };
  const call = { signal: caller.signal, isAlone: caller.isAlone };
  const issued = await inSpan(span, 'citadel.sign', () => hotPath.issue(wanted, call));
  const { leafPem, serial, requestedUri } = issued;
  const trace = { [Field.spiffeId]: spiffeId, [Field.serial]: serial, [Field.connection]: caller.connection };
  if (requestedUri !== undefined && requestedUri !== spiffeId && !aliases.includes(requestedUri)) {
    const fields = { ...trace, [Field.csrIdentity]: requestedUri };
    caller.log.warn('csr asks for another identity than its token has', fields, `csr of ${spiffeId}`);
  }
  caller.log.repeated(ISSUED, {
    ...trace,
    [Field.notAfter]: new Date(validity.notAfterMs).toISOString(),
    [Field.ttlMs]: validity.ttlMs,
    [Field.caller]: workload.podName,
    [Field.authenticatedBy]: workload.authenticatedBy,
    [Field.address]: caller.address,
    [Field.clusterId]: caller.clusterId,
    [Field.traceId]: span?.traceId,
  });
  const fields = {
    ...{ serial, spiffe_id: spiffeId, dns_names: dnsNames.length > 0 ? dnsNames : undefined },
    not_before: new Date(validity.notBeforeMs).toISOString(),
    not_after: new Date(validity.notAfterMs).toISOString(),
    ...issuerFields(authority),
    ...callerFields(caller, workload),
  };
  if (trail !== undefined) await inSpan(span, 'citadel.trail', () => trail.issued(fields, leafPem));
  options.held?.issued(workload, nowMs, validity.notAfterMs);
  options.recent?.issued(fields);
  options.fleet?.issued(workload, {
    ...{ connection: caller.connection, issuer: authority.authorityId, notAfterMs: validity.notAfterMs },
    roots: rootsVersion(authority.issuersPemAt(nowMs)),
  });
  return leafPem;
}

/** `issuer` has signed it, `authority` the issuer, where that is an online intermediate. */
function issuerFields({ signer, authorityId }: SigningAuthority): TrailFields {
  const issuer = signer.material.id;
  return { issuer, authority: issuer === authorityId ? undefined : authorityId };
}

/** On which terms a leaf is issued. */
interface LeafTerms {
  readonly spiffeId: string;
  readonly dnsNames: readonly string[];
  /** The same workload by the names of other trust domains. */
  readonly aliases: readonly string[];
  readonly validity: ReturnType<typeof decideValidity>;
}

/** What the policy says to a request; throws where it says no. */
function leafTerms(
  options: IssuanceOptions,
  workload: AuthenticatedWorkload,
  request: CreateCertificateRequest,
  nowMs: number,
): LeafTerms {
  const policy = options.policy();
  const terms = policy.termsFor(workload.spiffeId);
  const endAtMs = endMs(options.authority, workload, terms, nowMs);
  const validity = decideValidity(request.validitySeconds, terms.ttl, endAtMs, nowMs);
  const spiffeId = workload.spiffeId.toString();
  const { dnsNames } = terms;
  const aliases = aliasUris(workload.spiffeId, policy.trustDomainAliases);
  checkCsrContent(request.csrPem, terms, { uris: [spiffeId, ...aliases], dnsNames });
  return { spiffeId, dnsNames, aliases, validity };
}

/** Who asked, as records of the trail say it. */
export function callerFields(caller: CallerTrace, workload: AuthenticatedWorkload | undefined): TrailFields {
  return {
    ...{ address: caller.address, connection: caller.connection, cluster_id: caller.clusterId },
    ...{ authenticated_by: workload?.authenticatedBy, pod: workload?.podName },
  };
}

/** When a leaf must end at the latest, in epoch milliseconds. */
function endMs(
  authority: SigningAuthority,
  { tokenExpiresAtMs }: AuthenticatedWorkload,
  { bindsToToken }: Pick<IssuingTerms, 'bindsToToken'>,
  nowMs: number,
): number {
  if (!bindsToToken) return authority.notAfterMs;
  if (tokenExpiresAtMs < nowMs + MIN_TTL_MS) {
    throw new IdentityError(
      'ERR_TOKEN_EXPIRED',
      `token expires at ${new Date(tokenExpiresAtMs).toISOString()}, expected a life of at least ${MIN_TTL_MS / 1000} s`,
    );
  }
  return Math.min(authority.notAfterMs, tokenExpiresAtMs);
}
