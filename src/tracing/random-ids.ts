import { randomFillSync } from 'node:crypto';

/** Of some 60 traces. */
const POOL_BYTES = 4096;

/** Random bytes for ids, drawn many at a time: each draw is a call of OpenSSL. */
export class RandomIds {
  private readonly pool = Buffer.alloc(POOL_BYTES);
  private at = POOL_BYTES;

  /** So many bytes, in hex. */
  next(bytes: number): string {
    if (this.at + bytes > POOL_BYTES) {
      randomFillSync(this.pool);
      this.at = 0;
    }
    this.at += bytes;
    return this.pool.toString('hex', this.at - bytes, this.at);
  }
}
