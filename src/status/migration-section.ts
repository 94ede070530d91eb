import { Field } from '../telemetry/index.js';
import { failureSection, type IdentityFacts } from './identity-section.js';
import type { JsonValue } from './status-pages.js';
import { timeText } from './time-text.js';

type RootsOf<T> = Readonly<Record<'served' | 'files' | 'ca', T>>;

/** Where an identity stands that moves from files to a CA. */
export interface MigrationFacts {
  readonly step: string;
  /** Epoch milliseconds. */
  readonly stepSinceMs: number;
  /** The file that says the step. */
  readonly stepFile: { readonly path: string; readonly problem: string | undefined } | undefined;
  readonly served: string | undefined;
  readonly reason: string;
  readonly roots: RootsOf<number>;
  readonly rootFingerprints: RootsOf<readonly string[]>;
  readonly areCaRootsMounted: boolean | undefined;
  readonly sources: Readonly<Record<'files' | 'ca', Omit<IdentityFacts, 'spiffeId'>>>;
}

/** How many streams want a name, by how it stands with them. */
interface NameStreams {
  readonly name: string;
  readonly streams: Readonly<Record<string, number>>;
}

/** The section `migration` of `/status`. `names` are the names that streams of Envoy want. */
export function migrationSection(facts: MigrationFacts, names: readonly NameStreams[]): JsonValue {
  const { step, stepSinceMs, stepFile, served, reason, roots, rootFingerprints, areCaRootsMounted, sources } = facts;
  const sourceSection = ({ svid, serial, notAfterMs, lastFailure }: Omit<IdentityFacts, 'spiffeId'>): JsonValue => ({
    svid,
    [Field.serial]: serial,
    [Field.notAfter]: timeText(notAfterMs),
    last_failure: failureSection(lastFailure),
  });
  return {
    [Field.step]: step,
    step_since: timeText(stepSinceMs),
    step_file: stepFile?.path,
    step_file_problem: stepFile?.problem,
    [Field.served]: served,
    [Field.reason]: reason,
    held_up_by: whatHoldsUp(facts, names).map((holdUp) => ({ ...holdUp })),
    roots: { ...roots },
    root_fingerprints: { ...rootFingerprints },
    ca_roots_are_mounted: areCaRootsMounted,
    sources: { files: sourceSection(sources.files), ca: sourceSection(sources.ca) },
  };
}

/** One reason why a step is not complete; `code` tells scripts which kind it is. */
interface HoldUp {
  readonly code: 'step_file' | 'ca_certificate' | 'not_served' | 'rejected' | 'unacknowledged' | 'no_envoy';
  readonly detail: string;
}

/**
 * Why the step is not complete on this agent; empty when it is, and with those of all its peers this agent may take the
 * next one. Pure.
 */
export function whatHoldsUp(facts: MigrationFacts, names: readonly NameStreams[]): HoldUp[] {
  return [...inAgent(facts), ...inEnvoys(facts, names)];
}

function inAgent({ step, stepFile, served, reason, sources }: MigrationFacts): HoldUp[] {
  const wanted = step === 'files' ? 'files' : 'ca';
  const { svid, lastFailure } = sources.ca;
  const holdUps: HoldUp[] = [];
  if (stepFile?.problem !== undefined) holdUps.push({ code: 'step_file', detail: stepFile.problem });
  if (svid !== 'valid') {
    const why = lastFailure === undefined ? '' : `: ${lastFailure.code}: ${lastFailure.message}`;
    holdUps.push({ code: 'ca_certificate', detail: `there is no valid certificate of the CA${why}` });
  }
  // Without valid files there is nothing to wait for, and the next step changes nothing here.
  const isWithoutFiles = step === 'files' && sources.files.svid !== 'valid';
  if (served !== wanted && !isWithoutFiles) {
    const whose = wanted === 'ca' ? 'the CA' : 'the files';
    holdUps.push({ code: 'not_served', detail: `the certificate of ${whose} is not served: ${reason}` });
  }
  return holdUps;
}

function inEnvoys({ step, areCaRootsMounted }: MigrationFacts, names: readonly NameStreams[]): HoldUp[] {
  const namesThat = (...states: readonly string[]): string =>
    names
      .filter(({ streams }) => states.some((state) => (streams[state] ?? 0) > 0))
      .map(({ name }) => name)
      .join(', ');
  const [rejected, pending] = [namesThat('rejected'), namesThat('unanswered', 'waiting')];
  const isAsked = names.some(({ streams }) => Object.values(streams).some((count) => count > 0));
  // One that reads the files itself trusts the CA when they have its roots, and shows their certificate.
  const isMissed = !isAsked && (step !== 'files' || areCaRootsMounted !== true);
  const lack = step === 'files' ? ', and its files lack roots of the CA' : '';
  return [
    ...(rejected === '' ? [] : [{ code: 'rejected', detail: `a stream of Envoy has rejected ${rejected}` } as const]),
    ...(pending === ''
      ? []
      : [{ code: 'unacknowledged', detail: `a stream of Envoy has not acknowledged ${pending}` } as const]),
    ...(isMissed ? [{ code: 'no_envoy', detail: `no Envoy asks for its secrets${lack}` } as const] : []),
  ];
}
