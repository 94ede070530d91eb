import { ConnectionError, Http2ErrorCode } from '../framing/errors.js';
import { FloodGuard } from '../framing/flood-guard.js';
import * as frames from '../framing/frames.js';
import { InboundFrames } from '../framing/inbound-frames.js';
import type { Wire, WireEvents } from '../framing/wire.js';
import { Preface } from './preface.js';
import type { QueuedReader } from './read-queue.js';
import { Sender } from './sender.js';
import { ServerHalf } from './server-half.js';
import { SERVER_LIMITS } from './server-settings.js';
import type { ServerStream } from './server-stream.js';
import { ServerStreams, type ServerStreamsOptions } from './server-streams.js';

/** Why a connection has ended. */
export interface ConnectionEnd {
  /** Of `Http2ErrorCode`: `noError` when neither side has done wrong. */
  readonly code: number;
  /** What the peer did wrong; empty when nothing. */
  readonly reason: string;
}

/** What all connections of a server share. */
export interface ServerConnectionOptions extends ServerStreamsOptions {
  /** Of {@link serverOpening}. */
  readonly opening: Buffer;
  /**
   * So many octets more are kept of frames and header blocks that have not come whole, or fewer. When it gives false
   * the connection is ended.
   */
  readonly onKept?: (connection: ServerConnection, bytes: number) => boolean;
  /** Called once and last. */
  readonly onClosed: (connection: ServerConnection, end: ConnectionEnd) => void;
  /** Something of ours threw what it must not. */
  readonly onBug: (error: unknown) => void;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

/**
 * The server's half of HTTP/2 on one connection: how it is greeted, read and ended. Thousands are open at a time, so it
 * makes what it needs when it needs it, and a message costs neither a buffer nor an object. (RFC 9113)
 */
export class ServerConnection implements WireEvents, QueuedReader {
  private readonly options: ServerConnectionOptions;
  private readonly preface = new Preface();
  private readonly sender: Sender;
  private readonly streams: ServerStreams;
  private readonly frames: InboundFrames<ServerStream>;
  private readonly guard: FloodGuard;
  /** It has more to read, and waits for its next turn. */
  private isQueued = false;
  private isGoingAway = false;
  private isOver = false;
  /** As the owner knows it. */
  private keptBytes = 0;

  constructor(
    readonly wire: Wire,
    /** A number for logs. */
    readonly number: number,
    options: ServerConnectionOptions,
  ) {
    this.options = options;
    const guard = new FloodGuard(options.now, options.readQueue.now);
    this.guard = guard;
    const sender = new Sender(wire, (stream) => this.streams.localEnded(stream));
    this.sender = sender;
    const streams = new ServerStreams(wire, number, { sender, guard, options, onLastEnded: () => this.endIfDone() });
    this.streams = streams;
    const half = new ServerHalf(streams, sender, guard);
    this.frames = new InboundFrames({ half, streams, sender, guard, limits: SERVER_LIMITS });
    wire.start(this);
  }

  /** Whether the peer has said what a client of HTTP/2 says first. */
  get isGreeted(): boolean {
    return this.frames.hasSettings;
  }

  /**
   * 0 unless the peer has begun a frame, or a header block, and not ended it; else a number that changes as frames
   * come.
   */
  get unfinished(): number {
    return this.frames.unfinished;
  }

  /** Streams that have begun and not ended. */
  get openStreams(): number {
    return this.streams.openCount;
  }

  /** Lets no further stream begin; the connection ends with the last of those that are open. (RFC 9113 §6.8) */
  goAway(): void {
    if (this.isGoingAway || this.isOver) return;
    this.isGoingAway = true;
    this.streams.refuseFurther();
    if (!this.preface.isComplete) {
      this.wire.destroy();
      return;
    }
    this.sender.frames(frames.encodeGoAway(this.streams.lastId, Http2ErrorCode.noError, ''));
    if (!this.streams.isReading) this.sender.flush();
    this.endIfDone();
  }

  /** Ends the connection for the peer's fault. Safe to call twice. */
  fail(code: number, reason: string): void {
    if (this.isOver) return;
    if (this.preface.isComplete) {
      this.sender.frames(frames.encodeGoAway(this.streams.lastId, code, reason));
      this.sender.flush();
    }
    this.over(code, reason);
    // What is still to come is thrown away, and so has to be read.
    if (this.isQueued) this.wire.resume();
    this.wire.end();
  }

  /** Ends the connection and its socket at once, to make room for others. Safe to call twice. */
  drop(reason: string): void {
    if (this.isOver) return;
    if (this.preface.isComplete) {
      this.sender.frames(frames.encodeGoAway(this.streams.lastId, Http2ErrorCode.enhanceYourCalm, reason));
      this.sender.flush();
    }
    this.over(Http2ErrorCode.noError, '');
    this.wire.destroy();
  }

  received(bytes: Buffer, start: number, end: number): void {
    if (this.isOver) return;
    const { guard } = this;
    if (this.options.readQueue.isBusy && guard.isBusy && this.preface.isComplete) this.frames.pause();
    guard.beginTurn('first');
    this.sender.noteRead();
    this.streams.isReading = true;
    try {
      const at = this.preface.isComplete ? start : this.greet(bytes, start, end);
      if (at < end) this.frames.read(bytes, at, end);
    } catch (error) {
      this.failFor(error);
    } finally {
      this.streams.isReading = false;
    }
    this.endTurn();
  }

  readOn(): boolean {
    this.isQueued = false;
    if (this.isOver) return false;
    this.guard.beginTurn('queued');
    this.sender.noteRead();
    this.streams.isReading = true;
    try {
      this.frames.readOn();
    } catch (error) {
      this.failFor(error);
    } finally {
      this.streams.isReading = false;
    }
    this.isQueued = !this.isOver && this.frames.isPaused;
    if (!this.isQueued) this.wire.resume();
    this.endTurn();
    return this.isQueued;
  }

  private endTurn(): void {
    if (this.isOver) return;
    this.noteKept();
    if (this.isOver) return;
    this.sender.flush();
    this.guard.endTurn();
    if (this.sender.isUnread()) {
      this.fail(Http2ErrorCode.enhanceYourCalm, 'got what is to be answered, and reads no answer');
    } else if (this.frames.isPaused && !this.isQueued) {
      this.isQueued = true;
      this.wire.pause();
      this.options.readQueue.add(this);
    }
  }

  closed(): void {
    this.over(Http2ErrorCode.noError, '');
  }

  /** Tells the owner what is kept of frames and header blocks that have not come whole: nearly always nothing. */
  private noteKept(): void {
    const { keptBytes } = this.frames;
    if (keptBytes === this.keptBytes) return;
    const change = keptBytes - this.keptBytes;
    this.keptBytes = keptBytes;
    if (this.options.onKept?.(this, change) !== false) return;
    this.drop('got the beginning of more than there is room for');
  }

  private failFor(error: unknown): void {
    if (error instanceof ConnectionError) {
      this.fail(error.code, error.message);
      return;
    }
    // The other connections, and what else came in this turn, must not suffer for it.
    this.options.onBug(error);
    this.fail(Http2ErrorCode.internalError, 'internal error');
  }

  /** Gives the place behind what it has read. */
  private greet(bytes: Buffer, start: number, end: number): number {
    const { preface } = this;
    const isHttp1 = preface.couldBeHttp1(bytes[start]);
    const at = preface.read(bytes, start, end);
    if (preface.isComplete) {
      this.sender.frames(this.options.opening);
    } else if (at < end) {
      this.over(Http2ErrorCode.protocolError, `got ${isHttp1 ? 'HTTP/1' : 'an unknown protocol'}, expected HTTP/2`);
      this.wire.destroy();
      return end;
    }
    return at;
  }

  private endIfDone(): void {
    if (!this.isGoingAway || this.streams.openCount > 0 || this.isOver) return;
    this.sender.flush();
    this.over(Http2ErrorCode.noError, '');
    this.wire.end();
  }

  private over(code: number, reason: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.streams.endAll();
    this.options.onClosed(this, { code, reason });
  }
}
