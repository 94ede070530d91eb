import { Http2ErrorCode, StreamError } from '../framing/errors.js';
import type { FloodGuard } from '../framing/flood-guard.js';
import { Frame } from '../framing/frames.js';
import type { HeaderBlock } from '../framing/header-blocks.js';
import type { HeaderField } from '../framing/header-table.js';
import type { InboundStreams } from '../framing/inbound-half.js';
import { areTrailers } from '../framing/request-head.js';
import { readResponseHead } from '../framing/response-head.js';
import type { ClientOwner } from './client-owner.js';
import type { ClientSender } from './client-sender.js';
import { ClientStream, type ClientStreamEvents, type ClientStreamOwner } from './client-stream.js';

/** The last that a client may begin. (RFC 9113 §5.1.1) */
const LAST_ID = 2 ** 31 - 1;

/**
 * The streams of one connection: those that wait for their turn, those that are open, and how each ends. (RFC 9113
 * §5.1)
 */
export class ClientStreams implements InboundStreams<ClientStream>, ClientStreamOwner {
  private readonly open = new Map<number, ClientStream>();
  /** What the peer does not let begin yet, oldest first. */
  private waiting: Set<ClientStream> | undefined;
  private nextId = 1;
  /** How many may be open; none until the connection is there. */
  private limit = 0;
  #isLeaving = false;
  #isOver = false;

  constructor(
    private readonly sender: ClientSender,
    private readonly guard: FloodGuard,
    private readonly owner: Pick<ClientOwner, 'lastEnded'>,
  ) {}

  /** No further stream can begin. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get(streamId: number): ClientStream | undefined {
    return this.open.get(streamId);
  }

  all(): Iterable<ClientStream> {
    return this.open.values();
  }

  isOpen(stream: ClientStream): boolean {
    return this.open.get(stream.id) === stream;
  }

  hasBegun(streamId: number): boolean {
    return streamId % 2 === 1 && streamId < this.nextId;
  }

  /** Begins a stream, when the peer lets it. With `content` the request is whole. */
  begin(events: ClientStreamEvents, content?: Buffer): ClientStream {
    const stream = new ClientStream(events, this, content);
    if (this.open.size < this.limit && this.waiting === undefined) this.start(stream);
    else this.wait(stream);
    return stream;
  }

  /** For {@link ClientStream.send}. */
  send(stream: ClientStream, parts: readonly Buffer[]): void {
    if (stream.isOver || stream.isEnding) return;
    this.guard.forgive();
    if (stream.id > 0) this.sender.send(stream, parts);
    else stream.add(parts);
  }

  /** For {@link ClientStream.end}. */
  end(stream: ClientStream): void {
    if (stream.isOver || stream.isEnding) return;
    stream.isEnding = true;
    if (stream.id > 0) this.sender.pump(stream);
  }

  /** Lets so many be open from now on. */
  allow(count: number): void {
    this.limit = count;
    this.startWaiting();
  }

  /** Gives a request up, and tells the peer. Safe to call when the stream is no more. */
  cancel(stream: ClientStream): void {
    if (stream.isOver) return;
    if (this.waiting?.has(stream)) {
      stream.isOver = true;
      this.leave(stream);
      return;
    }
    this.sender.numberFrame(Frame.resetStream, stream.id, Http2ErrorCode.cancel);
    this.remove(stream);
  }

  /** Takes a head, trailers, or what comes before the head. @throws StreamError; ConnectionError of a flood. */
  takeHeaders(stream: ClientStream, { isLast }: HeaderBlock, fields: readonly HeaderField[] | undefined): void {
    const { id, events } = stream;
    if (fields === undefined)
      throw new StreamError(id, Http2ErrorCode.enhanceYourCalm, 'got too large a list of headers');
    if (stream.hasHead) {
      if (!isLast || !areTrailers(fields)) {
        throw new StreamError(id, Http2ErrorCode.protocolError, 'got HEADERS that are no trailers');
      }
      events.trailers(fields);
    } else {
      const head = readResponseHead(id, fields);
      if (head.status < 200) {
        if (isLast) throw new StreamError(id, Http2ErrorCode.protocolError, 'got the end behind an interim response');
        this.guard.charge();
        return;
      }
      stream.hasHead = true;
      stream.contentLeft = head.contentBytes ?? -1;
      events.head(head.status, head.fields);
    }
    if (isLast && this.isOpen(stream)) this.remoteEnded(stream);
  }

  remoteEnded(stream: ClientStream): void {
    if (stream.contentLeft > 0) {
      throw new StreamError(stream.id, Http2ErrorCode.protocolError, 'got less than content-length');
    }
    if (!stream.isSent) this.sender.numberFrame(Frame.resetStream, stream.id, Http2ErrorCode.noError);
    this.remove(stream, Http2ErrorCode.noError);
  }

  takeReset(streamId: number, code: number): void {
    const stream = this.open.get(streamId);
    if (stream === undefined) return;
    const isWhole = stream.content !== undefined;
    const isRefused = code === Http2ErrorCode.refusedStream && !stream.hasHead;
    if (isWhole && isRefused && !stream.wasRefused && !this.#isLeaving) this.beginAgain(stream);
    else this.remove(stream, code);
  }

  /** Ends a stream for the peer's fault. @throws ConnectionError of too many faults. */
  reset({ streamId, code, message }: StreamError): void {
    this.guard.charge();
    const stream = this.open.get(streamId);
    if (stream === undefined) return;
    this.sender.numberFrame(Frame.resetStream, streamId, code);
    this.remove(stream, code, message);
  }

  /**
   * The peer has sent GOAWAY: it has not looked at streams above `lastId`, and others may be asked for them. (RFC 9113
   * §6.8)
   */
  goAway(lastId: number): void {
    this.#isLeaving = true;
    const waiting = [...(this.waiting ?? [])];
    this.waiting = undefined;
    for (const stream of waiting) this.close(stream, Http2ErrorCode.refusedStream);
    for (const stream of [...this.open.values()]) {
      if (stream.id > lastId && this.isOpen(stream)) this.remove(stream, Http2ErrorCode.refusedStream);
    }
    if (this.open.size === 0) this.owner.lastEnded();
  }

  /** Forgets all of them; none hears of it. */
  endAll(): void {
    this.#isLeaving = true;
    this.#isOver = true;
    for (const stream of this.waiting ?? []) stream.isOver = true;
    for (const stream of this.open.values()) stream.isOver = true;
    this.waiting = undefined;
    this.open.clear();
  }

  private start(stream: ClientStream): void {
    stream.id = this.nextId;
    this.nextId += 2;
    this.open.set(stream.id, stream);
    this.guard.forgive();
    this.sender.begin(stream);
    if (this.nextId > LAST_ID) this.goAway(LAST_ID);
  }

  /**
   * What was refused was not looked at. grpc-core refuses some when it lets only few be open, for it counts those that
   * it has just answered; a moment later it takes them. (RFC 9113 §8.7)
   */
  private beginAgain(stream: ClientStream): void {
    this.open.delete(stream.id);
    this.sender.forget(stream);
    stream.rewind();
    stream.wasRefused = true;
    this.wait(stream);
    this.startWaiting();
  }

  private wait(stream: ClientStream): void {
    this.waiting ??= new Set();
    this.waiting.add(stream);
  }

  private leave(stream: ClientStream): void {
    this.waiting?.delete(stream);
    if (this.waiting?.size === 0) this.waiting = undefined;
  }

  private startWaiting(): void {
    if (this.waiting === undefined) return;
    for (const stream of this.waiting) {
      if (this.open.size >= this.limit || this.isLeaving) return;
      this.leave(stream);
      this.start(stream);
    }
  }

  private close(stream: ClientStream, code: number, fault?: string): void {
    stream.isOver = true;
    stream.events.closed(code, fault);
  }

  private remove(stream: ClientStream, code?: number, fault?: string): void {
    this.open.delete(stream.id);
    stream.isOver = true;
    this.sender.forget(stream);
    if (code !== undefined) this.close(stream, code, fault);
    if (this.waiting !== undefined) this.startWaiting();
    else if (this.isLeaving && this.open.size === 0) this.owner.lastEnded();
  }
}
