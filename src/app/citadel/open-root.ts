import type { RootStageConfig, RootStatusConfig, RootStepConfig } from '../../config/index.js';
import { ApiClient, type ClusterEnvironment, findAccess } from '../../kubernetes/api/index.js';
import { systemClock } from '../../timers/index.js';
import { VERSION } from '../version.js';
import { readRoot, stageRoot, stepRoot } from './root-change.js';
import type { CitadelFacts, JudgedAction, RootState, Witnesses } from './root-judgement.js';
import { directoryPlace, type RootPlace, secretPlace } from './root-place.js';

/** As `managedFields` name who changed a Secret. */
const FIELD_MANAGER = 'sidecert-root';

/** Where Citadel is, for a kubeconfig that names no namespace. */
const DEFAULT_NAMESPACE = 'istio-system';

/** An authority, and the steps of a change of its root: as of `root-change.ts`. `nowMs` in epoch milliseconds. */
export interface OpenedRoot {
  read(nowMs: number): Promise<{ readonly state: RootState; readonly witnesses: Witnesses }>;
  stage(config: RootStageConfig, nowMs: number): Promise<RootState>;
  step(config: RootStepConfig, step: JudgedAction, nowMs: number): Promise<RootState>;
  /** Safe to call twice. */
  close(): void;
}

/**
 * That of a directory, else that of a cluster.
 * @throws IdentityError `ERR_KUBERNETES_CONFIG_INVALID`.
 */
export async function openRoot(
  { directory, kubeconfig, namespace }: Pick<RootStatusConfig, 'directory' | 'kubeconfig' | 'namespace'>,
  citadels: readonly CitadelFacts[],
  environment: ClusterEnvironment,
): Promise<OpenedRoot> {
  if (directory !== undefined) return rootIn(directoryPlace(directory, citadels), () => {});
  const access = await findAccess(kubeconfig, environment);
  const logger = { debug() {}, info() {}, warn() {}, error() {}, writesDebug: false };
  const client = new ApiClient({
    ...{ access, logger, clock: systemClock, now: Date.now, random: Math.random },
    ...{ userAgent: `sidecert/${VERSION}`, fieldManager: FIELD_MANAGER },
  });
  return rootIn(secretPlace(client, namespace ?? access.namespace ?? DEFAULT_NAMESPACE), () => client.close());
}

function rootIn(place: RootPlace, close: () => void): OpenedRoot {
  return {
    read: (nowMs) => readRoot(place, nowMs),
    stage: (config, nowMs) => stageRoot(place, config, nowMs),
    step: (config, step, nowMs) => stepRoot(place, config, step, nowMs),
    close,
  };
}
