import { anywhere } from '../../agent/files/index.js';
import { DeliveryByAcks } from '../../agent/identity/index.js';
import { MountedIdentity, privateKeyProviderOf, WorkloadView } from '../../agent/secrets/index.js';
import type { MountedWorkload } from '../../config/index.js';
import { RateLimitedLogger } from '../../telemetry/index.js';
import { followIdentity } from './agent-history.js';
import type { AgentParts, OpenedSource } from './agent-parts.js';

/** Serves an identity that is in mounted files; no CA is asked. Its end is put onto the teardown. */
export async function openFromFiles(served: MountedWorkload, parts: AgentParts): Promise<OpenedSource> {
  const identity = await openMounted(served, parts);
  if (parts.history !== undefined) followIdentity(parts.history, identity);
  return {
    secrets: {
      source: { open: () => new WorkloadView(identity, parts.catalog) },
      isServing: () => identity.hasValidSvid(),
      identities: () => [identity.status()],
    },
    files: () => ({ directory: served.directory, goodAtMs: identity.goodAtMs }),
  };
}

/** Reads the mounted files, and goes on looking at them. The end is put onto the teardown. */
export async function openMounted(served: MountedWorkload, parts: AgentParts): Promise<MountedIdentity> {
  const { config, context, metrics, timers, watch, isSettled, teardown } = parts;
  const { logger, now } = context;
  const { directory, rootFile, spiffeId } = served;
  const identity = new MountedIdentity({
    ...{ place: { directory, rootFile }, spiffeId, trustDomain: config.trustDomain },
    ...{ directories: anywhere, watch, log: new RateLimitedLogger(logger, now), logger, now, metrics },
    ...{ delivery: new DeliveryByAcks({ isSettled, timers, now }), timers },
    privateKeyProvider: privateKeyProviderOf(config),
  });
  teardown.add(() => identity.close());
  await identity.open();
  return identity;
}
