import { PREFACE } from '../framing/frames.js';

/** What the first bytes of a connection were: HTTP/2, a request of HTTP/1, or nothing that we know. */
export type Greeting = 'incomplete' | 'http2' | 'http1' | 'unknown';

/** Reads what a client of HTTP/2 says first, in however many pieces it comes. (RFC 9113 §3.4) */
export class Preface {
  private seenBytes = 0;

  get isComplete(): boolean {
    return this.seenBytes === PREFACE.length;
  }

  /** What was taken for the beginning of a preface. */
  get seen(): Buffer {
    return PREFACE.subarray(0, this.seenBytes);
  }

  /** Reads on; gives the place behind what belongs to it. */
  read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    let seen = this.seenBytes;
    for (; at < end && seen < PREFACE.length && bytes[at] === PREFACE[seen]; at += 1) seen += 1;
    this.seenBytes = seen;
    return at;
  }

  /** What it is, when `next` is the first byte that was not read. */
  greeting(next: number | undefined): Greeting {
    if (this.isComplete) return 'http2';
    if (next === undefined) return 'incomplete';
    // A request of HTTP/1 begins with a method, in capitals: and so does the preface.
    const first = this.seenBytes > 0 ? PREFACE[0] : next;
    return first !== undefined && first >= 0x41 && first <= 0x5a ? 'http1' : 'unknown';
  }
}
