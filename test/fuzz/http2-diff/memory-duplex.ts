import { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { framesIn, type RawFrame } from '../../support/raw-frames.js';
import { isDecided } from './verdict.js';

/** Turns of the event loop in which nothing happens any more: one that waits for this long waits for ever. */
const PATIENCE_TURNS = 40;

/** Turns to wait for what comes behind the last that is waited for. */
const TURNS_BEHIND = 4;

/** A connection in memory for `node:http2`: what its peer sends is fed in, what it sends is kept. */
export class MemoryDuplex extends Duplex {
  #sent: Buffer[] = [];
  isOver = false;

  /** `skip`: octets before the first frame, which a client begins with. */
  constructor(private skip = 0) {
    super({ autoDestroy: true });
    this.on('error', () => {});
    this.on('finish', () => this.#over());
    this.on('close', () => this.#over());
  }

  feed(bytes: Buffer): void {
    if (!this.destroyed) this.push(bytes);
  }

  /** The frames since the last call, once they are decided on, or nothing more comes. */
  async frames(isEnough = isDecided): Promise<RawFrame[]> {
    let seen = -1;
    for (let idle = 0; idle < PATIENCE_TURNS && !this.isOver; idle += 1) {
      await nextTurn();
      if (this.#sent.length === seen) continue;
      seen = this.#sent.length;
      idle = 0;
      // What is urgent, as the answer to a PING is, goes before what has been there for longer.
      if (isEnough(this.#read().frames)) idle = PATIENCE_TURNS - TURNS_BEHIND;
    }
    const { frames, rest } = this.#read();
    this.#sent = [rest];
    this.skip = 0;
    return frames;
  }

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.#sent.push(bytes);
    done();
  }

  #read() {
    return framesIn(Buffer.concat(this.#sent).subarray(this.skip));
  }

  #over(): void {
    this.isOver = true;
  }
}
