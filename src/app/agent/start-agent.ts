import type { AgentConfig } from '../../config/index.js';
import { createLoneHotPath } from '../../hotpath/index.js';
import { createFileTokenSource, TokenGate, WorkloadIdentity } from '../../identity/index.js';
import { closeDebugDoors } from '../../platform/index.js';
import { systemClock, TimerWheel } from '../../rotation/index.js';
import { SpiffeId } from '../../spiffe/index.js';
import { Field } from '../../telemetry/index.js';
import { type AppContext, type RunningApp, Teardown } from '../running-app.js';
import { gatedSource, openSource } from './workload-secret-source.js';

/**
 * One workload has one identity, so one thread is enough; it ends after the first SVID, when there is nothing to do for hours.
 * Ten seconds are far above any RSA key, and far below the time in which Envoy gives up waiting.
 */
const SIDECAR_POOL = { threads: { min: 0, max: 1 }, idleTimeoutMs: 1000, maxQueue: 64, taskTimeoutMs: 10_000 };

/**
 * Builds and starts an agent in sidecar mode: one socket, one workload, one identity.
 *
 * The order is that of a fast start: the first key is being made in its thread while gRPC is still being loaded.
 */
export async function startAgent(config: AgentConfig, context: AppContext): Promise<RunningApp> {
  const { logger, now, random, nodeFlags } = context;
  closeDebugDoors({ nodeFlags, onSignal: (signal, listener) => process.on(signal, listener) });
  const teardown = new Teardown();
  try {
    const hotPath = createLoneHotPath({ ...SIDECAR_POOL, logger });
    teardown.add(() => hotPath.close());
    const timers = new TimerWheel(systemClock);
    teardown.add(() => timers.close());
    const network = import('./agent-network.js');
    const caClient = network.then(({ connectCa }) => connectCa(config, context));
    teardown.add(async () => (await caClient).close());

    const gate = config.tokenSource === 'stream' ? new TokenGate({ timers, now, random }) : undefined;
    const identity = new WorkloadIdentity({
      spiffeId: SpiffeId.forServiceAccount(config.trustDomain, config.namespace, config.serviceAccount),
      keyType: config.keyType,
      ttlMs: config.ttlMs,
      token: gate ?? createFileTokenSource(config.tokenFile, now),
      issuer: { issue: async (request) => (await caClient).issue(request) },
      hotPath,
      timers,
      now,
      random,
      logger,
    });
    teardown.add(() => identity.close());
    if (gate === undefined) identity.start();
    else gate.guard(identity);

    const { listenForEnvoy } = await network;
    const listener = await listenForEnvoy(config, {
      context,
      source: gate === undefined ? openSource(identity) : gatedSource(identity, gate),
      isServing: () => identity.hasValidSvid() && identity.bundle() !== undefined,
    });
    teardown.add(() => listener.close());
    logger.info('agent ready', { [Field.path]: config.socket, [Field.mode]: config.tokenSource });
    return { address: config.socket, close: () => teardown.run() };
  } catch (error) {
    await teardown.run().catch(() => {});
    throw error;
  }
}
