/** Where an identity that moves from mounted files to a CA can come from. */
export type IdentityOrigin = 'files' | 'ca';

/**
 * What the operator wants: the certificate of the files or that of the CA, with the roots of both, or at last that of
 * the CA with its roots alone.
 */
export type MigrationStep = 'files' | 'ca' | 'ca-only';

/** From the first to the last. Each can be taken back. */
export const MIGRATION_STEPS: readonly MigrationStep[] = ['files', 'ca', 'ca-only'];

/** What a migrating identity has. Times are epoch milliseconds. */
export interface MigrationFacts {
  readonly step: MigrationStep;
  /** The CA has not answered since the start, and may still do so soon. */
  readonly isFirstAnswerDue: boolean;
  /** End of the certificate of each source, `undefined` without a valid one. */
  readonly endsMs: Readonly<Record<IdentityOrigin, number | undefined>>;
}

/** Whose certificate is to be served, and why. */
export interface OriginChoice {
  readonly origin: IdentityOrigin | undefined;
  readonly reason: OriginReason;
}

export type OriginReason =
  | 'migration step'
  | 'source of the step has no valid certificate'
  | 'certificate of the step is about to expire'
  | 'first answer of the ca is awaited'
  | 'no valid certificate';

/**
 * So long before the end of the wanted certificate the other one is served, when that lasts longer: a push to thousands
 * of Envoys takes 0.1 s, and clocks of peers may be ahead.
 */
const LEAD_MS = 10_000;

/**
 * Says whose certificate is served: that of the step while it is valid, else the other one. Pure. At the step
 * `ca-only` there is no other one: peers have dropped the mounted roots.
 *
 * Before the first answer of the CA nothing is: an Envoy that comes back to a restarted agent has a bundle with the
 * roots of both sources, and must not get one without those of the CA.
 */
export function chooseOrigin({ step, isFirstAnswerDue, endsMs }: MigrationFacts, nowMs: number): OriginChoice {
  if (isFirstAnswerDue) return { origin: undefined, reason: 'first answer of the ca is awaited' };
  const wanted = wantedOrigin(step);
  const other = wanted === 'files' ? 'ca' : 'files';
  const leftOf = (origin: IdentityOrigin): number => Math.max(0, (endsMs[origin] ?? nowMs) - nowMs);
  const [leftMs, otherLeftMs] = [leftOf(wanted), step === 'ca-only' ? 0 : leftOf(other)];
  if (leftMs === 0) {
    return otherLeftMs === 0
      ? { origin: undefined, reason: 'no valid certificate' }
      : { origin: other, reason: 'source of the step has no valid certificate' };
  }
  return leftMs <= LEAD_MS && otherLeftMs > leftMs
    ? { origin: other, reason: 'certificate of the step is about to expire' }
    : { origin: wanted, reason: 'migration step' };
}

/** Whose certificate a step is about. */
export function wantedOrigin(step: MigrationStep): IdentityOrigin {
  return step === 'files' ? 'files' : 'ca';
}

/** When time alone next changes what {@link chooseOrigin} says, if it does at all; epoch milliseconds. */
export function nextChoiceMs({ endsMs }: MigrationFacts, nowMs: number): number | undefined {
  const moments = [endsMs.files, endsMs.ca].flatMap((endMs) => (endMs === undefined ? [] : [endMs - LEAD_MS, endMs]));
  const later = moments.filter((atMs) => atMs > nowMs);
  return later.length === 0 ? undefined : Math.min(...later);
}
