import type { AgentConfig } from '../../config/index.js';
import { createLoneHotPath } from '../../hotpath/index.js';
import { createFileTokenSource, TokenGate, WorkloadIdentity } from '../../identity/index.js';
import { systemClock, TimerWheel } from '../../rotation/index.js';
import { SpiffeId } from '../../spiffe/index.js';
import { Field } from '../../telemetry/index.js';
import { chosenHotPath } from '../chosen-hot-path.js';
import { type AppContext, type RunningApp, runApp, type Teardown } from '../running-app.js';
import { gatedSource, openSource } from './workload-secret-source.js';

/**
 * For RSA keys only: a lone workload's other work is done without a thread. One thread is enough for one identity, and
 * ends when its key is made. Ten seconds are far above any RSA key, and far below the time in which Envoy gives up.
 */
const RSA_POOL = { threads: { min: 0, max: 1 }, idleTimeoutMs: 1000, maxQueue: 64, taskTimeoutMs: 10_000 };

/**
 * Builds and starts an agent in sidecar mode: one socket, one workload, one identity.
 *
 * The order is that of a fast start: gRPC is being loaded while the first key is made.
 */
export function startAgent(config: AgentConfig, context: AppContext): Promise<RunningApp> {
  return runApp(context, async (teardown) => {
    await start(config, context, teardown);
    context.logger.info('agent ready', { [Field.path]: config.socket, [Field.mode]: config.tokenSource });
    return config.socket;
  });
}

async function start(config: AgentConfig, context: AppContext, teardown: Teardown): Promise<void> {
  const { logger, now, random } = context;
  const hotPath = createLoneHotPath({ ...RSA_POOL, kind: chosenHotPath(config.hotPath, logger), logger });
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
    // With a valid SVID there is always its bundle.
    isServing: () => identity.hasValidSvid(),
  });
  teardown.add(() => listener.close());
}
