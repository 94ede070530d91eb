/** The sockets of `--pod-sockets`: kept apart so that they load only where they are switched on. */
import type { StreamAdmission } from '../../agent/admission/index.js';
import { PodSockets } from '../../agent/pod-sockets/index.js';
import type { SecretSource } from '../../agent/sds/index.js';
import { WorkloadView } from '../../agent/secrets/index.js';
import type { AgentConfig } from '../../config/index.js';
import { UnixListeners, type UnixListenersOptions } from '../../net/transport/index.js';
import { RateLimitedLogger } from '../../telemetry/index.js';
import type { AgentParts } from './agent-parts.js';

/** An Envoy has one connection, or one for each of its secrets. */
const BACKLOG = 64;

/** Above what any node runs, and each takes a descriptor. */
const MAX_PODS = 4096;

const OCTAL = 8;

export interface OpenedPodSockets {
  readonly sockets: PodSockets;
  /** What streams of all sockets get: by the socket that they came by, else by `byToken`. */
  readonly source: SecretSource;
}

type Surroundings = Pick<AgentParts, 'context' | 'metrics' | 'watch' | 'catalog' | 'hotPath' | 'teardown'> &
  Pick<UnixListenersOptions, 'onWire'> & {
    readonly admission: StreamAdmission;
    readonly byToken: SecretSource;
  };

/** Makes them; nothing is looked for before their `start`. The end is put onto the teardown. */
export function openPodSockets(
  config: AgentConfig & { readonly podSockets: string },
  { context, metrics, watch, catalog, hotPath, teardown, admission, byToken, onWire }: Surroundings,
): OpenedPodSockets {
  const { logger, now } = context;
  const log = new RateLimitedLogger(logger, now);
  const listeners = new UnixListeners({ backlog: BACKLOG, knowsPeers: hotPath === 'native', onWire, logger, metrics });
  teardown.add(() => listeners.close());
  const file = {
    ...{ mode: Number.parseInt(config.socketMode, OCTAL), group: config.socketGroup },
    ...{ takesOver: config.takesOver, isPrivate: true },
  };
  const sockets = new PodSockets({
    ...{ directory: config.podSockets, maxPods: MAX_PODS, watch, log, metrics, now },
    admit: (token, signal) => admission.admitToken(token, signal),
    listen: (path, podUid) => listeners.open(podUid, { ...file, path }),
  });
  teardown.add(() => sockets.close());
  return { sockets, source: sourceOf(sockets, { byToken, catalog, admission }) };
}

function sourceOf(
  sockets: PodSockets,
  { byToken, catalog, admission }: Pick<Surroundings, 'byToken' | 'catalog' | 'admission'>,
): SecretSource {
  return {
    async open(caller, gone) {
      if (caller.origin === undefined) return byToken.open(caller, gone);
      try {
        const hold = await sockets.open(caller.origin, gone());
        return new WorkloadView(hold.identity, catalog, hold);
      } catch (error) {
        admission.refused(caller, error);
        throw error;
      }
    },
  };
}
