import type { Pod, TokenGate } from '../../agent/admission/index.js';
import type { WorkloadIdentity } from '../../agent/identity/index.js';
import type { SecretSource, StreamCaller } from '../../agent/sds/index.js';
import type { SecretCatalog } from '../../agent/secrets/index.js';
import type { CancelSignal } from '../../cancellation/index.js';
import { errorCodeOf, IdentityError } from '../../errors/index.js';
import { bearerToken } from '../../pki/service-account/index.js';
import { Field, type RateLimitedLogger } from '../../telemetry/index.js';
import { type StreamAdmission, WorkloadView } from './workload-view.js';

/**
 * A stream that is refused for its token counts as a flood, in the units of `GrpcCall.charge`: a gateway that has its
 * token refused on all of its 4 000 streams at once is none.
 */
const REFUSED_COST = 15;

/**
 * So does a token that the CA was asked about for nothing: that takes a key, a call, and 0.3 ms. An Envoy has one
 * token, or two.
 */
const WASTED_COST = 150;

/** The pod's identity for every stream: in sidecar mode the socket belongs to one pod. */
export function sidecarSource(identity: WorkloadIdentity, catalog: SecretCatalog): SecretSource {
  return { open: () => new WorkloadView(identity, catalog) };
}

/** For each stream whose own token the CA has accepted, the identity of that token's pod. */
export function tokenGatedSource(gate: TokenGate, catalog: SecretCatalog, log: RateLimitedLogger): SecretSource {
  const admit = async (caller: StreamCaller, signal: CancelSignal): Promise<Pod> => {
    try {
      const { connection, peer, charge } = caller;
      const token = Buffer.from(bearerToken(caller.authorization), 'latin1');
      const onWasted = charge && (() => charge(WASTED_COST, 0));
      const admitted = gate.admit(token, signal, { connection, uid: peer?.uid, pid: peer?.pid, onWasted });
      // The gate has a copy if it needs one: of thousands of streams that wait none holds another.
      token.fill(0);
      return await admitted;
    } catch (error) {
      if (errorCodeOf(error) !== 'ERR_CANCELLED') {
        caller.charge?.(REFUSED_COST, 0);
        tellRefusal(log, caller, error);
      }
      throw error;
    }
  };
  return {
    async open(caller, gone) {
      const pod = await admit(caller, gone());
      return new WorkloadView(pod.identity, catalog, new PodLease(pod));
    },
  };
}

/** Keeps a pod for as long as a stream is served of it. */
class PodLease implements StreamAdmission {
  private readonly pod: Pod;
  readonly release: () => void;

  constructor(pod: Pod) {
    this.pod = pod;
    this.release = pod.hold();
  }

  onTokenNeeded(end: () => void): () => void {
    return this.pod.onTokenNeeded(end);
  }
}

/** Envoy comes back ten times a second with what was refused: one line a minute for each reason and connection. */
function tellRefusal(log: RateLimitedLogger, { connection }: StreamCaller, error: unknown): void {
  const code = errorCodeOf(error);
  const reason = error instanceof IdentityError ? error.message : 'internal error';
  const fields = { [Field.connection]: connection, [Field.code]: code, [Field.error]: reason };
  log.warn('sds stream refused', fields, `${code} ${connection}`);
}
