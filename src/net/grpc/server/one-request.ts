import type { GrpcCall } from './grpc-call.js';

const NOTHING = Buffer.alloc(0);

/** What is taken at first for a message that comes in parts. */
const FIRST_BYTES = 1024;

/**
 * Puts together the one message that a call is asked by, and tells the call what it holds until that has come whole.
 */
export class OneRequest {
  /**
   * What has come is its first `length` bytes: in one piece, so that the smallest of parts cost no more than what they
   * bring.
   */
  private kept: Buffer = NOTHING;
  private length = 0;

  /**
   * Takes the next of it, a copy. The whole, when that was the last; nothing when the call has ended for what it holds.
   */
  take(call: Pick<GrpcCall, 'holds'>, bytes: Buffer, isLast: boolean): Buffer | undefined {
    if (isLast && this.length === 0) return Buffer.from(bytes);
    const length = this.length + bytes.length;
    if (length > this.kept.length) {
      const capacity = Math.max(FIRST_BYTES, 2 ** Math.ceil(Math.log2(length)));
      if (!call.holds(capacity)) return undefined;
      const larger = Buffer.allocUnsafeSlow(capacity);
      this.kept.copy(larger, 0, 0, this.length);
      this.kept = larger;
    }
    bytes.copy(this.kept, this.length);
    this.length = length;
    if (!isLast) return undefined;
    const whole = this.kept.subarray(0, length);
    this.kept = NOTHING;
    this.length = 0;
    return whole;
  }
}
