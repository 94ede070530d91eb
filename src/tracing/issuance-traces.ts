import type { SpiffeId } from '../pki/spiffe/index.js';
import type { Span, Tracer } from '../telemetry/index.js';

/**
 * Certificates whose pushes are still put into their trace: those of a large node, all renewed at once. A push begins
 * in the turns after its certificate came.
 */
const MAX_SERVED = 4096;

/** A version of a secret that has come to all streams, or was refused by the last of them. */
interface Rollout {
  readonly name: string;
  readonly version: string;
  /** Of its first push, in epoch milliseconds. */
  readonly startedAtMs: number;
  /** Of its last ACK, in epoch milliseconds; `undefined`: there was none. */
  readonly lastAckAtMs: number | undefined;
}

/** A trace for each certificate that the agent obtains: from the request for it to the last ACK of an Envoy. */
export class IssuanceTraces {
  /** The spans of what is served, by its version, the newest last. */
  private readonly spans = new Map<string, Span>();

  constructor(private readonly tracer: Tracer) {}

  begin(spiffeId: SpiffeId, purpose: 'renewal' | 'proof', podUid: string | undefined): Span {
    const attributes = {
      'sidecert.spiffe_id': spiffeId.toString(),
      'sidecert.issue_for': purpose,
      'k8s.namespace.name': spiffeId.serviceAccount?.namespace,
      'k8s.pod.uid': podUid,
    };
    return this.tracer.begin('svid.issue', { attributes });
  }

  served(version: string, span: Span): void {
    if (span.traceId === undefined) return;
    this.spans.set(version, span);
    const [oldest] = this.spans.keys();
    if (this.spans.size > MAX_SERVED && oldest !== undefined) this.spans.delete(oldest);
  }

  rolledOut({ name, version, startedAtMs, lastAckAtMs }: Rollout): void {
    const attributes = { 'sidecert.resource_name': name, 'sidecert.version': version };
    const push = this.spans.get(version)?.child('svid.push', { startedAtMs, attributes });
    push?.end(lastAckAtMs === undefined ? 'not_acked' : 'OK', lastAckAtMs);
  }
}
