/** How a version of a secret came to all streams that wanted it. */
export interface EndedRollout {
  /** The name of the secret, or `other`. */
  readonly name: string;
  readonly version: string;
  /** Of its first push, in epoch milliseconds. */
  readonly startedAtMs: number;
  /** `undefined`: no stream has ACKed it. */
  readonly lastAckAtMs: number | undefined;
}

/** A version of a secret on its way to all streams that want it. */
interface Rollout {
  readonly startedAtMs: number;
  /** Pushes of it without an answer yet. */
  inFlight: number;
  lastAckAtMs: number | undefined;
}

/**
 * How long a new version takes to reach all streams: from its first push to its last ACK. One is over when nothing is
 * in flight and no push is due; between two turns of a broadcast the ACKs may have caught up with the pushes.
 */
export class Rollouts {
  private readonly byLabel = new Map<string, Map<string, Rollout>>();
  private readonly isPushing: () => boolean;
  private readonly onEnd: (rollout: EndedRollout) => void;

  constructor(isPushing: () => boolean, onEnd: (rollout: EndedRollout) => void) {
    this.isPushing = isPushing;
    this.onEnd = onEnd;
  }

  pushed(label: string, version: string, nowMs: number): void {
    let byVersion = this.byLabel.get(label);
    if (byVersion === undefined) {
      byVersion = new Map();
      this.byLabel.set(label, byVersion);
    }
    const rollout = byVersion.get(version);
    if (rollout === undefined) byVersion.set(version, { startedAtMs: nowMs, inFlight: 1, lastAckAtMs: undefined });
    else rollout.inFlight += 1;
  }

  /** A push is answered, or its stream is gone; `ackedAtMs` only for an ACK. */
  settled(label: string, version: string, ackedAtMs: number | undefined): void {
    const rollout = this.byLabel.get(label)?.get(version);
    if (rollout === undefined) return;
    rollout.inFlight -= 1;
    if (ackedAtMs !== undefined) rollout.lastAckAtMs = ackedAtMs;
    if (rollout.inFlight === 0 && !this.isPushing()) this.end(label, version, rollout);
  }

  /** Ends what was left open because pushes were due then. */
  checkTime(): void {
    if (this.isPushing()) return;
    for (const [label, byVersion] of this.byLabel) {
      for (const [version, rollout] of byVersion) if (rollout.inFlight === 0) this.end(label, version, rollout);
    }
  }

  private end(label: string, version: string, { startedAtMs, lastAckAtMs }: Rollout): void {
    this.byLabel.get(label)?.delete(version);
    this.onEnd({ name: label, version, startedAtMs, lastAckAtMs });
  }
}
