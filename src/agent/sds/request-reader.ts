import { type DecodedRequest, decodeRequest, nodeIdOf, unreadable } from './request-codec.js';
import type { RequestFields } from './request-fields.js';

/**
 * Of a long node this much is waited for, to read its id from: that is its first field, and quoted shorter than this.
 */
const NODE_HEAD_BYTES = 512;

/** The low three bits of a field's key. (Protocol Buffers, "Message Structure") */
const LENGTH_DELIMITED = 2;

const NOTHING = Buffer.alloc(0);

/**
 * Puts one request together from the parts that it comes in. The first one of a real Envoy is 50 to 60 kB, nearly all
 * of it in `node`, in parts of up to 16 kB: that is thrown away as it comes, so a thousand Envoys that come at once
 * take no memory for it.
 */
export class RequestReader {
  private readonly fields: RequestFields;
  /** What has come of a request and is kept, in its first `#length` bytes. Grows by doubling. */
  private kept = NOTHING;
  private length = 0;
  /** Where the first field begins that has not come whole. */
  private fieldAt = 0;
  /** Bytes of a node that are still to come, and to be thrown away. */
  private skip = 0;
  private nodeId = '';

  constructor(fields: RequestFields) {
    this.fields = fields;
  }

  /** Memory that is kept of a request that has not come whole. */
  get keptBytes(): number {
    return this.kept.length;
  }

  /**
   * Takes the next part; gives the request with its last one.
   * @throws IdentityError as {@link decodeRequest}.
   */
  read(part: Buffer, isLast: boolean): DecodedRequest | undefined {
    const skipped = Math.min(this.skip, part.length);
    this.skip -= skipped;
    this.keep(part.subarray(skipped));
    this.throwNodesAway();
    return isLast ? this.finish() : undefined;
  }

  private finish(): DecodedRequest {
    if (this.skip > 0) throw unreadable(new RangeError('the message ends within its node'));
    const request = decodeRequest(this.kept.subarray(0, this.length), this.fields);
    return request.nodeId === '' ? { ...request, nodeId: this.nodeId } : request;
  }

  private keep(bytes: Buffer): void {
    const length = this.length + bytes.length;
    if (length > this.kept.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.kept.length));
      this.kept.copy(larger, 0, 0, this.length);
      this.kept = larger;
    }
    bytes.copy(this.kept, this.length);
    this.length = length;
  }

  /** Goes over the fields that have come whole, and takes each long node out, as soon as its head is there. */
  private throwNodesAway(): void {
    const nodeKey = (this.fields.node << 3) | LENGTH_DELIMITED;
    for (;;) {
      const kept = this.kept.subarray(0, this.length);
      const valueAt = valueOfField(kept, this.fieldAt);
      if (valueAt === undefined) return;
      const { start, end } = valueAt;
      if (kept[this.fieldAt] === nodeKey && end - start > NODE_HEAD_BYTES) {
        if (this.length < start + NODE_HEAD_BYTES) return;
        this.nodeId = nodeIdOf(kept.subarray(start, Math.min(end, this.length)));
        this.skip = Math.max(0, end - this.length);
        kept.copy(kept, this.fieldAt, Math.min(end, this.length));
        this.length -= Math.min(end, this.length) - this.fieldAt;
      } else {
        if (end > this.length) return;
        this.fieldAt = end;
      }
    }
  }
}

/**
 * Where the value of the length-delimited field at `at` begins and ends, once its head is there; `undefined` also for a
 * field of another kind: what stands behind one is kept as it comes, and no request of an Envoy has one.
 */
function valueOfField(bytes: Buffer, at: number): { start: number; end: number } | undefined {
  const key = bytes[at];
  if (key === undefined || key >= 0x80 || (key & 7) !== LENGTH_DELIMITED) return undefined;
  let length = 0;
  for (let index = at + 1, shift = 0; shift <= 21; index += 1, shift += 7) {
    const byte = bytes[index];
    if (byte === undefined) return undefined;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { start: index + 1, end: index + 1 + length };
  }
  return undefined;
}
