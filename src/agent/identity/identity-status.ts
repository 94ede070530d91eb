import type { FailureRecord } from '../../errors/index.js';
import type { ShownClaims } from '../../pki/service-account/index.js';
import type { CurrentSvid } from './current-svid.js';
import type { Lifecycle } from './lifecycle.js';
import type { SecretContent } from './secret-content.js';

/** What is served, or was until it expired. The certificate has the key in it, and shows it to no one by itself. */
export interface HeldSecrets {
  readonly certificate: SecretContent;
  readonly bundle: SecretContent;
}

/** Where an identity stands, for an operator. */
export interface IdentityStatus {
  readonly spiffeId: string;
  /** `none` was ever issued; it is `valid`; it has `expired`. */
  readonly svid: 'none' | 'valid' | 'expired';
  /** Hexadecimal; `undefined` without an SVID. */
  readonly serial: string | undefined;
  /** Epoch milliseconds; `undefined` without an SVID. */
  readonly notBeforeMs: number | undefined;
  /** Epoch milliseconds; `undefined` without an SVID. */
  readonly notAfterMs: number | undefined;
  /** Epoch milliseconds; `undefined` while one is under way. */
  readonly nextAttemptMs: number | undefined;
  /**
   * For how long the CA may be away, from the renewal that is planned on, until the SVID expires, in milliseconds;
   * `undefined` without an SVID.
   */
  readonly outageToleranceMs: number | undefined;
  /**
   * False when the life of the last SVID is too short for the outage that is to be survived; `undefined` when there is
   * none.
   */
  readonly survivesOutage: boolean | undefined;
  /** In a row, since the last success. */
  readonly failures: number;
  /** Of those in a row, the last. */
  readonly lastFailure: FailureRecord | undefined;
  /** `undefined` without an SVID. */
  readonly held: HeldSecrets | undefined;
  /** What the token of the last renewal says of itself; `undefined` where it is not known. */
  readonly token: ShownClaims | undefined;
}

/** What an identity has and does, as its status. Pure. */
export function identityStatus(
  spiffeId: string,
  {
    held,
    lifecycle,
    lastFailure,
    survivesOutage,
    token,
  }: {
    held: CurrentSvid | undefined;
    lifecycle: Lifecycle;
    lastFailure: FailureRecord | undefined;
    survivesOutage: boolean | undefined;
    token: ShownClaims | undefined;
  },
  nowMs: number,
): IdentityStatus {
  const { activity, failures } = lifecycle;
  return {
    spiffeId,
    svid: held === undefined ? 'none' : nowMs < held.notAfterMs ? 'valid' : 'expired',
    serial: held?.serial,
    notBeforeMs: held?.notBeforeMs,
    notAfterMs: held?.notAfterMs,
    nextAttemptMs: activity.kind === 'waiting' ? activity.untilMs : undefined,
    outageToleranceMs: held && lifecycle.notAfterMs - held.rotateAtMs,
    survivesOutage,
    failures,
    lastFailure: failures > 0 ? lastFailure : undefined,
    held,
    token,
  };
}
