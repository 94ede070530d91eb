import { encodeHeaderBlock } from '../../http2/index.js';
import type { StatusText } from '../status.js';
import { RESPONSE_FIELDS, trailersOf } from './status-trailers.js';

/** Of some 250 octets each: what a server that is full says to thousands a second differs in the delay alone. */
const MAX_KEPT = 2048;

/** The answers of calls that are refused at once, each encoded once for all that get the same. */
export class RefusalBlocks {
  /** By details, and by delay: the hash of a text that stays the same is known. */
  private readonly blocks = new Map<string, Map<number | undefined, Buffer>>();
  private count = 0;

  /** Calls that are told the same have the same status. */
  of(failure: StatusText): Buffer {
    return this.blocks.get(failure.details)?.get(failure.retryAfterMs) ?? this.encode(failure);
  }

  private encode(failure: StatusText): Buffer {
    const encoded = encodeHeaderBlock([...RESPONSE_FIELDS, ...trailersOf(failure)]);
    // Without the rest of the slab that Node has given it a part of.
    const block = Buffer.allocUnsafeSlow(encoded.length);
    encoded.copy(block);
    if (this.count === MAX_KEPT) {
      this.blocks.clear();
      this.count = 0;
    }
    const { details, retryAfterMs } = failure;
    const sameText = this.blocks.get(details) ?? new Map<number | undefined, Buffer>();
    this.blocks.set(details, sameText.set(retryAfterMs, block));
    this.count += 1;
    return block;
  }
}
