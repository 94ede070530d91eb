import { X509Certificate } from 'node:crypto';
import {
  type AuthorityFileSet,
  abort,
  activate,
  changeAuthoritySet,
  fingerprint,
  freshAuthority,
  LiveAuthority,
  type RotationRecord,
  readAuthority,
  readAuthoritySet,
  retire,
  rotationOf,
  stage,
  wipeKeys,
} from '../../citadel/authority/index.js';
import type { RootStageConfig, RootStepConfig } from '../../config/index.js';
import { IdentityError } from '../../errors/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';

/** What a CA directory says of the change of its root. All public. */
export interface RootState {
  readonly record: RotationRecord;
  /** SHA-256 of the signing certificate, hex. */
  readonly signer: string;
  /** The same of all roots that are trusted. */
  readonly roots: readonly string[];
}

/** What a running Citadel tells, as far as a step is judged by it. */
export interface CitadelFacts {
  /** As messages name it. */
  readonly name: string;
  readonly signer: string;
  readonly roots: readonly string[];
  /** Epoch milliseconds. */
  readonly knownSinceMs: number;
  /** The longest life of what was issued before that. */
  readonly longestTtlMs: number;
  /** Workloads that there was no room for. */
  readonly forgotten: number;
  readonly withOtherRoots: Named;
  readonly withOtherIssuer: Named;
}

interface Named {
  readonly count: number;
  readonly names: readonly string[];
}

/** Where the directory stands. @throws IdentityError `ERR_SIGNER_INVALID`. */
export async function readRootState(directory: string): Promise<RootState> {
  const files = await readAuthoritySet(directory);
  wipeKeys(files);
  return stateOf(files);
}

/**
 * Makes the next root, or takes that of another directory, and lets it be trusted beside the old one.
 * @throws IdentityError `ERR_ROTATION_REFUSED`: a change is under way; `ERR_SIGNER_INVALID`: one is no authority.
 */
export async function stageRoot(config: RootStageConfig, nowMs: number): Promise<RootState> {
  const { directory, from, trustDomain } = config;
  if (from !== undefined) await check(config, from, nowMs);
  const next = from === undefined ? freshAuthority(trustDomain, nowMs) : await readAuthority(from);
  const moment = { atMs: nowMs, isForced: false };
  return changed(config, directory, nowMs, (files) => stage(files, next, moment));
}

/**
 * Takes the next step, or one back. `citadels` are those that have this directory.
 * @throws IdentityError `ERR_ROTATION_REFUSED`: it is not the time for this step, or workloads would break.
 */
export async function stepRoot(
  config: RootStepConfig,
  step: 'activate' | 'retire' | 'abort',
  citadels: readonly CitadelFacts[],
  nowMs: number,
): Promise<RootState> {
  const { directory, isForced, longestTtlMs } = config;
  const moment = { atMs: nowMs, isForced };
  return changed(config, directory, nowMs, (files) => {
    const after = STEPS[step](files, moment);
    const problems = isForced ? [] : rootStepProblems({ step, files, nowMs, longestTtlMs }, citadels);
    if (problems.length > 0) {
      throw new IdentityError(
        'ERR_ROTATION_REFUSED',
        `${step}: ${problems.join('; ')}; --force takes the step all the same`,
      );
    }
    return after;
  });
}

const STEPS = { activate, retire, abort };

interface JudgedStep {
  readonly step: 'activate' | 'retire' | 'abort';
  /** As they are before it. */
  readonly files: AuthorityFileSet;
  readonly nowMs: number;
  /** In place of what Citadels tell. */
  readonly longestTtlMs: number | undefined;
}

/** Why a step would break workloads, a text each; none when it is safe as far as is known. */
function rootStepProblems(judged: JudgedStep, citadels: readonly CitadelFacts[]): string[] {
  const { step, files } = judged;
  const { record, signer, roots } = stateOf(files);
  // Both roots are trusted then, whichever signs.
  if (step === 'abort' && record.step === 'active') return [];
  if (citadels.length === 0) return ['no --status-address tells who would break, expected that of each Citadel'];
  return citadels.flatMap(({ name, withOtherRoots, withOtherIssuer, ...citadel }) => {
    const isRead = citadel.signer === signer && roots.every((root) => citadel.roots.includes(root));
    if (!isRead) return [`${name} does not use the files of this directory yet`];
    const problems: string[] = [];
    const gap = knowledgeGap(judged, citadel);
    if (gap !== undefined) problems.push(`${name} ${gap}`);
    const tell = (who: Named, what: string): void => {
      if (who.count > 0) problems.push(`${who.count} workloads of ${name} ${what}: ${shown(who)}`);
    };
    // Who needs the roots that stay must have them; and whose certificate is of the one that goes must have another.
    if (step !== 'abort') tell(withOtherRoots, 'do not have both roots yet');
    if (step !== 'activate') tell(withOtherIssuer, 'have a certificate that would be refused');
    return problems;
  });
}

/** What is not known, if there may be certificates that no Citadel has told of. */
function knowledgeGap(
  { step, files, nowMs, longestTtlMs }: JudgedStep,
  citadel: Pick<CitadelFacts, 'knownSinceMs' | 'longestTtlMs' | 'forgotten'>,
): string | undefined {
  if (citadel.forgotten > 0) return `had no room for ${citadel.forgotten} workloads that it issued to`;
  // Those of the authority that goes, or, before both are trusted, of the one in use.
  const pem = files.get({ activate: 'ca-cert.pem', retire: 'old-cert.pem', abort: 'next-cert.pem' }[step]);
  const begunMs = pem === undefined ? 0 : Date.parse(new X509Certificate(pem).validFrom);
  const goneMs = citadel.knownSinceMs + (longestTtlMs ?? citadel.longestTtlMs);
  if (citadel.knownSinceMs <= begunMs || goneMs < nowMs) return undefined;
  const since = new Date(citadel.knownSinceMs).toISOString();
  const left = Number.isFinite(goneMs) ? ` until ${new Date(goneMs).toISOString()}` : '';
  return `knows of no certificates that were issued before ${since}, which may be valid${left}`;
}

function shown({ count, names }: Named): string {
  return names.slice(0, 10).join(', ') + (count > Math.min(10, names.length) ? ', …' : '');
}

async function changed(
  config: Pick<RootStepConfig, 'trustDomain' | 'serverNames'>,
  directory: string,
  nowMs: number,
  change: (files: AuthorityFileSet) => AuthorityFileSet,
): Promise<RootState> {
  const files = await changeAuthoritySet(directory, change, (place) => check(config, place, nowMs));
  const state = stateOf(files);
  wipeKeys(files);
  return state;
}

/** By the checks of a start. */
async function check(
  { trustDomain, serverNames }: Pick<RootStepConfig, 'trustDomain' | 'serverNames'>,
  directory: string,
  nowMs: number,
): Promise<void> {
  const silent = { debug() {}, info() {}, warn() {}, error() {}, writesDebug: false };
  const live = await LiveAuthority.open({ directory, trustDomain, serverNames, logger: silent, now: () => nowMs });
  live.close();
}

function stateOf(files: AuthorityFileSet): RootState {
  const [cert = Buffer.alloc(0), roots = Buffer.alloc(0)] = [files.get('ca-cert.pem'), files.get('root-cert.pem')];
  return {
    record: rotationOf(files),
    signer: fingerprint(cert),
    roots: TrustBundle.parsePem(roots).fingerprints(),
  };
}
