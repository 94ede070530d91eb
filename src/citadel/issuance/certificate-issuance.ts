import type { CancelSignal } from '../../cancellation/index.js';
import { IdentityError } from '../../errors/index.js';
import type { HotPath } from '../../hotpath/index.js';
import { Field, type RateLimitedLogger, type RepeatedEvent } from '../../telemetry/index.js';
import type { AuthenticatedWorkload, Authenticator } from '../authn/index.js';
import type { SigningAuthority } from '../authority/index.js';
import { decideValidity, MIN_TTL_MS, type TtlLimits } from '../authority/index.js';
import type { CreateCertificateRequest } from './certificate-codec.js';

/** What issuing takes. */
export interface IssuanceOptions {
  readonly authenticator: Authenticator;
  readonly hotPath: Pick<HotPath, 'issue'>;
  readonly authority: SigningAuthority;
  readonly ttlLimits: TtlLimits;
  /**
   * A leaf ends with the token that it was issued for, at the latest. Istio has it otherwise, and so have we if left
   * out.
   */
  readonly bindsToToken?: boolean;
  /** DNS names that leaves have beside their SPIFFE ID, by that; all others have none. */
  readonly dnsNames?: ReadonlyMap<string, readonly string[]>;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** One identity may ask for certificates as fast as it likes. */
const ISSUED: RepeatedEvent = {
  message: 'certificate issued',
  summary: 'certificates issued',
  subject: Field.spiffeId,
};

/** Who asks, as far as the log is concerned. */
export interface CallerTrace {
  readonly connection: number;
  readonly clusterId: string;
}

export interface Caller extends CallerTrace {
  /** For what it can cause at will. */
  readonly log: Pick<RateLimitedLogger, 'warn' | 'repeated'>;
  /** Aborted when it has gone, or has been refused: what no caller waits for is not signed. */
  readonly signal: CancelSignal;
}

/**
 * Issues a leaf for the workload that the token names, whatever the CSR says of itself.
 * @returns the leaf, in PEM.
 * @throws IdentityError the codes of {@link HotPath.issue} and {@link decideValidity}; `ERR_TOKEN_EXPIRED`: leaves end
 *   with their tokens, and this one expires too soon for a useful life.
 */
export async function issueLeaf(
  options: IssuanceOptions,
  workload: AuthenticatedWorkload,
  request: CreateCertificateRequest,
  caller: Caller,
): Promise<Buffer> {
  const { authority, hotPath, ttlLimits, now } = options;
  const nowMs = now();
  const validity = decideValidity(request.validitySeconds, ttlLimits, endMs(options, workload, nowMs), nowMs);
  const spiffeId = workload.spiffeId.toString();
  const { leafPem, serial, requestedUri } = await hotPath.issue(
    {
      csrPem: request.csrPem,
      signer: authority.signer,
      subjectAltNames: [spiffeId, ...(options.dnsNames?.get(spiffeId) ?? [])],
      notBeforeMs: validity.notBeforeMs,
      notAfterMs: validity.notAfterMs,
    },
    { signal: caller.signal },
  );
  const trace = { [Field.spiffeId]: spiffeId, [Field.serial]: serial, [Field.connection]: caller.connection };
  if (requestedUri !== undefined && requestedUri !== spiffeId) {
    const fields = { ...trace, [Field.csrIdentity]: requestedUri };
    caller.log.warn('csr asks for another identity than its token has', fields, `csr of ${spiffeId}`);
  }
  caller.log.repeated(ISSUED, {
    ...trace,
    [Field.notAfter]: new Date(validity.notAfterMs).toISOString(),
    [Field.ttlMs]: validity.ttlMs,
    [Field.caller]: workload.podName,
    [Field.clusterId]: caller.clusterId,
  });
  return leafPem;
}

/** When a leaf must end at the latest, in epoch milliseconds. */
function endMs(
  { authority, bindsToToken = false }: IssuanceOptions,
  { tokenExpiresAtMs }: AuthenticatedWorkload,
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
