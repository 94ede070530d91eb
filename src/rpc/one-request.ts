import type { FramedCall } from './framed-call.js';

/** Puts together the one message that a call is asked by, and tells the call what it holds until that has come whole. */
export class OneRequest {
  private parts: Buffer[] | undefined;
  private heldBytes = 0;

  /** Takes the next of it, a copy. The whole, when that was the last. */
  take(call: Pick<FramedCall, 'holds'>, bytes: Buffer, isLast: boolean): Buffer | undefined {
    const part = Buffer.from(bytes);
    if (isLast && this.parts === undefined) return part;
    this.parts ??= [];
    this.parts.push(part);
    this.heldBytes += part.length;
    call.holds(isLast ? 0 : this.heldBytes);
    if (!isLast) return undefined;
    const whole = Buffer.concat(this.parts);
    this.parts = undefined;
    return whole;
  }
}
