/**
 * What comes for a stream after its end comes within a round trip: more streams than these need not be remembered. A
 * peer that begins all that it may at once sends their headers first, and their messages when all have been refused.
 */
const KEPT = 128;

/** How a stream that is no more has ended: by us, in which case the peer may not know yet, or by the peer. */
export type ClosedBy = 'us' | 'peer';

/**
 * The streams of a connection that ended last: what a frame for one of them means depends on who ended it. (RFC 9113
 * §5.1)
 */
export class ClosedStreams {
  /** Oldest first, a stream ended by the peer as its negative number. Made with the first one. */
  private ids: number[] | undefined;

  add(streamId: number, by: ClosedBy): void {
    this.ids ??= [];
    if (this.ids.length === KEPT) this.ids.shift();
    this.ids.push(by === 'us' ? streamId : -streamId);
  }

  /** `undefined`: it ended long ago, or has never been. */
  whoClosed(streamId: number): ClosedBy | undefined {
    if (this.ids?.includes(streamId)) return 'us';
    return this.ids?.includes(-streamId) ? 'peer' : undefined;
  }
}
