import {
  type AuthorityFileSet,
  abort,
  activate,
  fingerprint,
  freshAuthority,
  LiveAuthority,
  type RotationRecord,
  readAuthority,
  retire,
  rotationOf,
  stage,
  wipeKeys,
} from '../../citadel/authority/index.js';
import type { RootStageConfig, RootStepConfig } from '../../config/index.js';
import { IdentityError } from '../../errors/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';
import { type JudgedAction, type RootState, rootStepProblems, type Witnesses } from './root-judgement.js';
import type { RootPlace } from './root-place.js';

/** Where the authority stands. @throws IdentityError `ERR_SIGNER_INVALID`, `ERR_KUBERNETES_*`. */
export async function readRoot(
  place: RootPlace,
  nowMs: number,
): Promise<{ readonly state: RootState; readonly witnesses: Witnesses }> {
  const files = await place.read();
  wipeKeys(files);
  return { state: stateOf(files), witnesses: await place.witnesses(nowMs) };
}

export type StageOptions = Pick<RootStageConfig, 'from' | 'trustDomain' | 'serverNames'>;
export type StepOptions = Pick<RootStepConfig, 'isForced' | 'longestTtlMs' | 'trustDomain' | 'serverNames'>;

/** Of a step that Citadel takes by itself. */
export interface Automatic {
  /** Throws `ERR_ROTATION_REFUSED` when the step is not due by what is kept now. */
  insist(record: RotationRecord): void;
}

/**
 * Makes the next root, or takes that of another directory, and lets it be trusted beside the old one.
 * @throws IdentityError `ERR_ROTATION_REFUSED`: a change is under way; `ERR_SIGNER_INVALID`: one is no authority;
 *   `ERR_KUBERNETES_*`.
 */
export async function stageRoot(
  place: RootPlace,
  config: StageOptions,
  nowMs: number,
  automatic?: Automatic,
): Promise<RootState> {
  const { from, trustDomain } = config;
  if (from !== undefined) await check(config, { directory: from }, nowMs);
  const next = from === undefined ? freshAuthority(trustDomain, nowMs) : await readAuthority(from);
  const moment = { atMs: nowMs, isForced: false, isAutomatic: automatic !== undefined };
  try {
    return await changed(place, config, nowMs, async (files) => {
      automatic?.insist(rotationOf(files));
      return stage(files, next, moment);
    });
  } finally {
    next.caKey.fill(0);
  }
}

/**
 * Takes the next step, or one back. It is judged again when another process has changed the files meanwhile.
 * @throws IdentityError `ERR_ROTATION_REFUSED`: it is not the time for this step, or workloads would break;
 *   `ERR_SIGNER_INVALID`, `ERR_KUBERNETES_*`.
 */
export async function stepRoot(
  place: RootPlace,
  config: StepOptions,
  step: JudgedAction,
  nowMs: number,
  automatic?: Automatic,
): Promise<RootState> {
  const { isForced, longestTtlMs } = config;
  return changed(place, config, nowMs, async (files) => {
    automatic?.insist(rotationOf(files));
    const after = STEPS[step](files, { atMs: nowMs, isForced, isAutomatic: automatic !== undefined });
    const judged = { step, files, state: stateOf(files), nowMs, longestTtlMs };
    const problems = isForced ? [] : rootStepProblems(judged, await place.witnesses(nowMs));
    if (problems.length > 0) {
      throw new IdentityError(
        'ERR_ROTATION_REFUSED',
        `${step}: ${problems.join('; ')}${automatic === undefined ? '; --force takes the step all the same' : ''}`,
      );
    }
    return after;
  });
}

const STEPS = { activate, retire, abort };

type Checked = Pick<RootStepConfig, 'trustDomain' | 'serverNames'>;

async function changed(
  place: RootPlace,
  config: Checked,
  nowMs: number,
  change: (files: AuthorityFileSet) => Promise<AuthorityFileSet>,
): Promise<RootState> {
  const files = await place.change(change, (found) => check(config, found, nowMs));
  const state = stateOf(files);
  wipeKeys(files);
  return state;
}

/** By the checks of a start. */
async function check(
  { trustDomain, serverNames }: Checked,
  found: Pick<Parameters<typeof LiveAuthority.open>[0], 'directory' | 'store'>,
  nowMs: number,
): Promise<void> {
  const silent = { debug() {}, info() {}, warn() {}, error() {}, writesDebug: false };
  const live = await LiveAuthority.open({ ...found, trustDomain, serverNames, logger: silent, now: () => nowMs });
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
