import type { FailureRecord } from '../errors/index.js';
import { Field } from '../telemetry/index.js';
import type { ServedFacts } from './served-section.js';
import type { JsonValue } from './status-pages.js';
import { timeText } from './time-text.js';

export const STATES = ['valid', 'expired', 'none'] as const;

/** Where an identity stands. Times are epoch milliseconds, `undefined` without an SVID. */
export interface IdentityFacts {
  /** `undefined` for a certificate from files that has none. */
  readonly spiffeId: string | undefined;
  readonly podUid?: string | undefined;
  /** No stream holds it; `undefined` where that is nothing to tell. */
  readonly isIdle?: boolean | undefined;
  readonly svid: (typeof STATES)[number];
  readonly serial: string | undefined;
  readonly notBeforeMs: number | undefined;
  readonly notAfterMs: number | undefined;
  readonly nextAttemptMs: number | undefined;
  /** From the planned renewal to the end, in milliseconds. */
  readonly outageToleranceMs: number | undefined;
  /** `undefined` when there is no outage that is to be survived. */
  readonly survivesOutage: boolean | undefined;
  /** In a row. */
  readonly failures: number;
  readonly lastFailure: FailureRecord | undefined;
  readonly held?: ServedFacts | undefined;
  /** What the token of the last renewal says of itself. */
  readonly token?: TokenFacts | undefined;
}

interface TokenFacts {
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  readonly audiences: readonly string[];
  readonly expiresAtMs: number | undefined;
}

/** An identity as the page shows it: under the names of the log, so that a search finds both. */
export function identitySection(status: IdentityFacts): Readonly<Record<string, JsonValue>> {
  const { spiffeId, podUid, svid, serial, notBeforeMs, notAfterMs, nextAttemptMs, failures, lastFailure } = status;
  const { isIdle, outageToleranceMs, survivesOutage, token } = status;
  return {
    [Field.spiffeId]: spiffeId,
    [Field.podUid]: podUid,
    idle: isIdle,
    svid,
    [Field.serial]: serial,
    [Field.notBefore]: timeText(notBeforeMs),
    [Field.notAfter]: timeText(notAfterMs),
    next_renewal: timeText(nextAttemptMs),
    outage_tolerance_seconds: outageToleranceMs && Math.floor(outageToleranceMs / 1000),
    survives_ca_outage: survivesOutage,
    failed_renewals: failures,
    last_failure: failureSection(lastFailure),
    token: token && {
      iss: token.issuer,
      sub: token.subject,
      aud: token.audiences,
      expires: timeText(token.expiresAtMs),
    },
  };
}

export function failureSection(failure: FailureRecord | undefined): JsonValue {
  return failure && { [Field.code]: failure.code, [Field.error]: failure.message, at: timeText(failure.atMs) };
}
