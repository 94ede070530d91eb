import { ConnectionError, Http2ErrorCode } from './errors.js';

/**
 * What a peer may bring about of that which is of no use to it: 100 ms of a core. As much is let pass as a gateway of
 * thousands of secrets brings about in a moment, when it begins, or gives up, all of its streams.
 */
const MAX_COST = 200_000;

/** In which it may come: above that a peer keeps one hundredth of a core busy for no purpose. */
const PERIOD_MS = 10_000;

/**
 * For how long a connection is read at a time: about a millisecond by what events cost. Then others have their turn.
 */
const TURN_COST = 2000;

/**
 * The same by the clock, which is looked at each time that events of so much have come: what was charged is an
 * estimate. A turn is shorter when it is had as soon as something comes, since that of all who send at once is had
 * before anything else.
 */
const TURN_MS = 1;
const FIRST_TURN_MS = 0.3;
const LOOK_COST = 100;

/**
 * A connection that takes more than this part of the time to be read, and has taken so much more than its part, is a
 * busy one. What is above the other bound is forgotten: half a second after its last turn it is none.
 */
const QUIET_PART = 1 / 100;
const BUSY_MS = 0.5;
const MAX_BUSY_MS = 5;

/**
 * What a client of many streams puts into a header list, with all that proxies add. More fields than these are its own
 * idea.
 */
const USUAL_FIELDS = 32;

/**
 * What events cost, in units of about half a microsecond of a core when the code for it is hot, and five when it is
 * cold.
 */
export const Cost = {
  /** A frame that brings nothing, the beginning of a stream, or of a message. */
  event: 10,
  /** A DATA frame of a few bytes. */
  part: 1,
  /** Looking at one stream for a change of its window. */
  stream: 2,
} as const;

/**
 * What a {@link Cost.part} takes of a turn: it is no flood, but a turn of thousands would be as long as ten when the
 * code is cold.
 */
export const PART_WORK = 4;

/** DATA frames of fewer bytes cost more for their number than for their bytes. */
export const SMALL_DATA_BYTES = 1024;

/** An honest peer answers each of our messages: with an ACK, two WINDOW_UPDATEs, and grpc-core with a PING. */
const FORGIVEN_PER_MESSAGE = 4 * Cost.event;

/** Of a header block beyond what {@link Cost.event} has for it: by the fields that it decodes to, and by its bytes. */
export function costOfBlock(bytes: number, fields: number): number {
  return (Math.max(0, fields - USUAL_FIELDS) >>> 2) + (bytes >>> 12);
}

/** Of a SETTINGS frame, by its entries and by the streams that had to be looked at for it. */
export function costOfSettings(entries: number, streams: number): number {
  return Cost.event + (entries >>> 3) + streams * Cost.stream;
}

/**
 * Weighs what a peer sends by the work that it makes: tells a flood of PING, SETTINGS, RST_STREAM, PRIORITY, of empty
 * frames, requests or messages from what an honest peer sends, and says when a connection has been read for long enough
 * at a time. Looks at the clock once in many events only. (RFC 9113 §10.5; CVE-2019-9512 and its like, CVE-2023-44487)
 */
export class FloodGuard {
  private cost = 0;
  private sinceMs: number;
  private turnCost = 0;
  /** The clock is looked at again when the turn has cost so much. */
  private nextLook = 0;
  private turnBeganMs = 0;
  private turnMs = TURN_MS;
  /** By how much its turns have taken more than a quiet one's. */
  private busyMs = 0;

  /** `turnClock` goes on while we work; milliseconds, as those of `now`. */
  constructor(
    private readonly now: () => number,
    private readonly turnClock: () => number = now,
  ) {
    this.sinceMs = now();
  }

  /**
   * Something has come that is work. `cost` is the part of it that is of no use to an honest peer in such numbers, and
   * counts as a flood; `work` is all of it, and counts for the turn.
   */
  charge(cost: number = Cost.event, work: number = cost): void {
    this.cost += cost;
    this.turnCost += work;
  }

  /** We have sent a message: what it brings about is not the peer's idea. */
  forgive(): void {
    this.cost = Math.max(0, this.cost - FORGIVEN_PER_MESSAGE);
  }

  /** To be called behind each frame. @throws ConnectionError when what has come is a flood. */
  check(): void {
    if (this.cost < MAX_COST) return;
    const nowMs = this.now();
    const isFlood = nowMs - this.sinceMs < PERIOD_MS;
    this.cost = 0;
    this.sinceMs = nowMs;
    if (isFlood) throw new ConnectionError(Http2ErrorCode.enhanceYourCalm, 'got a flood of frames or messages');
  }

  /** The connection is read, from now on for a turn: it has waited for it, or has it at once. */
  beginTurn(kind: 'first' | 'queued'): void {
    this.turnMs = kind === 'first' ? FIRST_TURN_MS : TURN_MS;
    const nowMs = this.turnClock();
    this.busyMs = Math.max(0, this.busyMs - (nowMs - this.turnBeganMs) * QUIET_PART);
    this.turnBeganMs = nowMs;
    this.turnCost = 0;
    this.nextLook = LOOK_COST;
  }

  /** It has not waited for the turn that it has: see {@link FIRST_TURN_MS}. */
  get isFirstTurn(): boolean {
    return this.turnMs === FIRST_TURN_MS;
  }

  /** It is read no more. */
  endTurn(): void {
    this.busyMs = Math.min(MAX_BUSY_MS, this.busyMs + this.turnClock() - this.turnBeganMs);
  }

  /** It has been read for long enough. */
  get isTurnOver(): boolean {
    if (this.turnCost >= TURN_COST) return true;
    if (this.turnCost < this.nextLook) return false;
    this.nextLook = this.turnCost + LOOK_COST;
    return this.turnClock() - this.turnBeganMs >= this.turnMs;
  }

  /** Its turns have taken much time recently: it can wait until those had theirs that ask for little. */
  get isBusy(): boolean {
    return this.busyMs - (this.turnClock() - this.turnBeganMs) * QUIET_PART >= BUSY_MS;
  }
}
