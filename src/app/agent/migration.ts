import { DeliveryByAcks } from '../../agent/identity/index.js';
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
  { step, mounted, issued }: MigratingWorkload,
  parts: AgentParts,
  openFromCa: (served: IssuedWorkloads, parts: AgentParts) => Promise<OpenedSource>,
): Promise<OpenedSource> {
  const { context, metrics, timers, catalog, isSettled, teardown } = parts;
  const { logger, now } = context;
  const files = await openMounted(mounted, parts);
  // Its past is that of what is served, whichever of both it comes from.
  const fromCa = await openFromCa(issued, { ...parts, history: undefined });
  const { ownIdentity: ca } = fromCa.secrets;
  if (ca === undefined) throw new IdentityError('ERR_INTERNAL', 'migration: got no identity of the workload');
  const delivery = new DeliveryByAcks({ isSettled, timers, now });
  const { spiffeId } = issued;
  const identity = new MigratingIdentity({ spiffeId, step, files, ca, delivery, timers, now, metrics, logger });
  teardown.add(() => identity.close());
  if (parts.history !== undefined) followIdentity(parts.history, identity);
  return {
    ...fromCa,
    secrets: {
      source: { open: () => new WorkloadView(identity, catalog) },
      isServing: () => identity.hasValidSvid(),
      identities: () => [identity.status()],
    },
    files: () => ({ directory: mounted.directory, goodAtMs: files.goodAtMs }),
    migration: () => identity.migration(),
  };
}
