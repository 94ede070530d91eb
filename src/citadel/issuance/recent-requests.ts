import { clipped } from '../../text/index.js';
import type { TrailFields } from './certificate-issuance.js';

/** What became of a request, by the names of the trail. */
export interface RecentRequest {
  /** Epoch milliseconds; of several, the last. */
  readonly atMs: number;
  readonly count: number;
  readonly fields: TrailFields;
}

/** Of each kind: what a person looks through, in some 30 kB. */
const MAX_KEPT = 50;

/** Of a reason: some quote what the caller sent. */
const MAX_REASON_CHARS = 400;

/**
 * The last certificates that were issued, and the last requests that were refused: each kind by itself, so that a
 * caller that is refused ten times a second does not make the others forgotten. Bounded, in memory alone.
 */
export class RecentRequests {
  private readonly leaves: RecentRequest[] = [];
  /** The one that was refused last at the end. */
  private readonly refusals = new Map<string, RecentRequest>();
  private issuedSoFar = 0;
  private refusedSoFar = 0;

  /** `now`: epoch milliseconds. */
  constructor(private readonly now: () => number) {}

  get issuedCount(): number {
    return this.issuedSoFar;
  }

  get refusedCount(): number {
    return this.refusedSoFar;
  }

  issued(fields: TrailFields): void {
    this.leaves[this.issuedSoFar % MAX_KEPT] = { atMs: this.now(), count: 1, fields };
    this.issuedSoFar += 1;
  }

  refused(fields: TrailFields): void {
    this.refusedSoFar += 1;
    const { code, connection, spiffe_id: spiffeId, reason } = fields;
    const key = `${code} ${connection} ${spiffeId ?? ''}`;
    const count = (this.refusals.get(key)?.count ?? 0) + 1;
    this.refusals.delete(key);
    const shown = { ...fields, reason: clipped(String(reason), MAX_REASON_CHARS) };
    this.refusals.set(key, { atMs: this.now(), count, fields: shown });
    const [oldest] = this.refusals.keys();
    if (this.refusals.size > MAX_KEPT && oldest !== undefined) this.refusals.delete(oldest);
  }

  /** Newest first. */
  lastIssued(): readonly RecentRequest[] {
    const next = this.issuedSoFar % MAX_KEPT;
    return [...this.leaves.slice(next), ...this.leaves.slice(0, next)].reverse();
  }

  /** Newest first; those of one connection, identity and code together, with reason and claims of the last. */
  lastRefused(): readonly RecentRequest[] {
    return [...this.refusals.values()].reverse();
  }
}
