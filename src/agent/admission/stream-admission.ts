import type { CancelSignal } from '../../cancellation/index.js';
import { errorCodeOf, IdentityError } from '../../errors/index.js';
import { bearerToken, claimsOfBearer } from '../../pki/service-account/index.js';
import { Field, type LogFields, type RateLimitedLogger } from '../../telemetry/index.js';
import type { WorkloadIdentity } from '../identity/index.js';
import type { Pod } from './pod.js';
import type { TokenGate } from './token-gate.js';

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

/** A stream, as far as its token goes. */
export interface TokenBearer {
  /** The values of the `authorization` metadata, as they came. */
  readonly authorization: readonly string[];
  /** Which connection of this process it came by. */
  readonly connection: number;
  /** The process at its other end; `undefined` where it is not known. */
  readonly peer?: { readonly uid: number; readonly pid: number } | undefined;
  /** Counts work that the stream has brought about: as `GrpcCall.charge` has it. */
  readonly charge?: ((cost: number, work: number) => void) | undefined;
}

/** Leads each stream to the pod of its own token, once the CA has accepted that. */
export class StreamAdmission {
  constructor(
    private readonly gate: Pick<TokenGate, 'admit'>,
    private readonly log: RateLimitedLogger,
  ) {}

  /**
   * Resolves with a lease of the token's pod, which the stream releases when it ends. A refusal is charged to the
   * stream's connection, and logged.
   * @throws IdentityError `ERR_TOKEN_MISSING`, `ERR_TOKEN_MALFORMED`, and as {@link TokenGate.admit}.
   */
  async admit(stream: TokenBearer, signal: CancelSignal): Promise<PodLease> {
    try {
      const { connection, peer, charge } = stream;
      const token = Buffer.from(bearerToken(stream.authorization), 'latin1');
      const onWasted = charge && (() => charge(WASTED_COST, 0));
      const admitted = this.gate.admit(token, signal, { connection, uid: peer?.uid, pid: peer?.pid, onWasted });
      // The gate has a copy if it needs one: of thousands of streams that wait none holds another.
      token.fill(0);
      return new PodLease(await admitted);
    } catch (error) {
      this.refused(stream, error);
      throw error;
    }
  }

  /**
   * The same with a token that has come by a way of its own, and not by a stream. It is wiped.
   * @throws as {@link TokenGate.admit}.
   */
  async admitToken(token: Buffer, signal: CancelSignal): Promise<PodLease> {
    const admitted = this.gate.admit(token, signal);
    token.fill(0);
    return new PodLease(await admitted);
  }

  /**
   * Charges a refusal to the stream, and logs it. Envoy comes back ten times a second with what was refused: one line a
   * minute for each reason and connection.
   */
  refused({ connection, peer, authorization, charge }: TokenBearer, error: unknown): void {
    const code = errorCodeOf(error);
    if (code === 'ERR_CANCELLED') return;
    charge?.(REFUSED_COST, 0);
    const reason = error instanceof IdentityError ? error.message : 'internal error';
    const fields = (): LogFields => {
      const claims = claimsOfBearer(authorization);
      return {
        ...{ [Field.code]: code, [Field.error]: reason, [Field.connection]: connection },
        ...{ [Field.uid]: peer?.uid, [Field.pid]: peer?.pid },
        ...{ [Field.claimedSubject]: claims?.subject, [Field.claimedPod]: claims?.podName },
      };
    };
    this.log.warn('sds stream refused', fields, `${code} ${connection}`);
  }
}

/** Keeps a pod for as long as a stream is served of it. */
export class PodLease {
  private readonly pod: Pod;
  readonly release: () => void;

  constructor(pod: Pod) {
    this.pod = pod;
    this.release = pod.hold();
  }

  get identity(): WorkloadIdentity {
    return this.pod.identity;
  }

  /** Another one of the same pod. */
  again(): PodLease {
    return new PodLease(this.pod);
  }

  /** Releases it, and has the pod ended now when no stream holds it. */
  dismiss(): void {
    this.release();
    this.pod.dismiss();
  }

  /** Calls `end` when the token is good no more, until the result is called. */
  onTokenNeeded(end: () => void): () => void {
    return this.pod.onTokenNeeded(end);
  }
}
