import { PREFACE } from '../framing/frames.js';

/** Reads what a client of HTTP/2 says first, in however many pieces it comes. (RFC 9113 §3.4) */
export class Preface {
  private seenBytes = 0;

  get isComplete(): boolean {
    return this.seenBytes === PREFACE.length;
  }

  /** Reads on; gives the place behind what belongs to it. Short of `end` it is no preface, unless it is complete. */
  read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    let seen = this.seenBytes;
    for (; at < end && seen < PREFACE.length && bytes[at] === PREFACE[seen]; at += 1) seen += 1;
    this.seenBytes = seen;
    return at;
  }

  /** Whether a request of HTTP/1 could go on so: it begins with a method, in capitals, and so does the preface. */
  couldBeHttp1(next = 0): boolean {
    return this.seenBytes > 0 || (next >= 0x41 && next <= 0x5a);
  }
}
