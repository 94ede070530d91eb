/** A leaf that was served. */
interface ServedLeaf {
  /** Of the key that signed it, as its authority key identifier says; empty when it says nothing. */
  readonly issuerKey: string;
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
}

/**
 * Which key has signed the leaf of which version, for as long as it is valid: two or three a workload. Envoys that
 * have not taken the newest one may still serve an older one, of a root that is about to go.
 */
export class ServedLeaves {
  private readonly byVersion = new Map<string, ServedLeaf>();

  /** `now` gives epoch milliseconds. */
  constructor(private readonly now: () => number) {}

  /** Streams may get this version of a certificate from now on. */
  served(version: string, leaf: ServedLeaf): void {
    const nowMs = this.now();
    // In the order in which they were served, so mostly in that of their ends: the cost of each call stays small.
    for (const [oldest, { notAfterMs }] of this.byVersion) {
      if (notAfterMs >= nowMs) break;
      this.byVersion.delete(oldest);
    }
    this.byVersion.delete(version);
    this.byVersion.set(version, leaf);
  }

  /**
   * Whether a peer that should have the leaf of version `newest`, and has ACKed `acknowledged` last, may serve one that
   * another key has signed. One that has ACKed none may have one of an earlier connection.
   */
  isBehind(newest: string, acknowledged: string | undefined): boolean {
    const due = this.byVersion.get(newest);
    // It was read from files.
    if (due === undefined) return false;
    if (acknowledged === undefined) return true;
    const leaf = this.byVersion.get(acknowledged);
    return leaf !== undefined && leaf.issuerKey !== due.issuerKey && leaf.notAfterMs >= this.now();
  }
}
