import { FileChanges } from '../../agent/files/index.js';
import { DeliveryByAcks, MigrationStepFile } from '../../agent/identity/index.js';
import { MigratingIdentity, WorkloadView } from '../../agent/secrets/index.js';
import type { IssuedWorkloads, MigratingWorkload } from '../../config/index.js';
import { IdentityError } from '../../errors/index.js';
import { followIdentity } from './agent-history.js';
import type { AgentParts, OpenedSource } from './agent-parts.js';
import { openMounted } from './mounted-files.js';

/**
 * Serves an identity that moves from mounted files to the CA that `openFromCa` asks. Its end is put onto the teardown.
 */
export async function openMigration(
  { step, stepFile: path, mounted, issued }: MigratingWorkload,
  parts: AgentParts,
  openFromCa: (served: IssuedWorkloads, parts: AgentParts) => Promise<OpenedSource>,
): Promise<OpenedSource> {
  const { context, metrics, timers, catalog, isSettled, watch, teardown } = parts;
  const { logger, now } = context;
  const files = await openMounted(mounted, parts);
  // Its past is that of what is served, whichever of both it comes from.
  const fromCa = await openFromCa(issued, { ...parts, history: undefined });
  const { ownIdentity: ca } = fromCa.secrets;
  if (ca === undefined) throw new IdentityError('ERR_INTERNAL', 'migration: got no identity of the workload');
  const delivery = new DeliveryByAcks({ isSettled, timers, now });
  const { spiffeId } = issued;
  let identity: MigratingIdentity | undefined;
  const changes = new FileChanges(watch);
  const onStep: MigratingIdentity['goTo'] = (step) => identity?.goTo(step);
  const stepFile = path === undefined ? undefined : await MigrationStepFile.open({ path, changes, logger, onStep });
  teardown.add(() => stepFile?.file.close());
  const options = { spiffeId, step: stepFile?.step ?? step, files, ca, delivery, timers, now, metrics, logger };
  const migrating = new MigratingIdentity(options);
  identity = migrating;
  teardown.add(() => migrating.close());
  if (parts.history !== undefined) followIdentity(parts.history, migrating);
  return {
    ...fromCa,
    secrets: {
      source: { open: () => new WorkloadView(migrating, catalog) },
      isServing: () => migrating.hasValidSvid(),
      identities: () => [migrating.status()],
    },
    files: () => ({ directory: mounted.directory, goodAtMs: files.goodAtMs }),
    migration: () => ({ ...migrating.migration(), stepFile: stepFile?.file }),
  };
}
