import { Http2ErrorCode, StreamError } from '../framing/errors.js';
import type { FloodGuard } from '../framing/flood-guard.js';
import { Frame } from '../framing/frames.js';
import type { HeaderBlock } from '../framing/header-blocks.js';
import type { HeaderField } from '../framing/header-table.js';
import type { InboundStreams } from '../framing/inbound-half.js';
import { areTrailers } from '../framing/request-head.js';
import { readResponseHead } from '../framing/response-head.js';
import type { ClientSender } from './client-sender.js';
import { type ClientRequest, ClientStream } from './client-stream.js';

/** The last that a client may begin. (RFC 9113 §5.1.1) */
const LAST_ID = 2 ** 31 - 1;

/** The streams of one connection: those that wait for their turn, those that are open, and how each ends. (RFC 9113 §5.1) */
export class ClientStreams implements InboundStreams<ClientStream> {
  private readonly open = new Map<number, ClientStream>();
  /** What the peer does not let begin yet, oldest first. */
  private readonly waiting = new Set<ClientStream>();
  private nextId = 1;
  /** How many may be open; none until the connection is there. */
  private limit = 0;
  #isLeaving = false;
  #isOver = false;

  constructor(
    private readonly sender: ClientSender,
    private readonly guard: FloodGuard,
    /** No further stream begins, and the last that was open has ended. */
    private readonly onLastEnded: () => void,
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

  /** Sends a request, when the peer lets it. */
  begin(request: ClientRequest): ClientStream {
    const stream = new ClientStream(request);
    if (this.open.size < this.limit && this.waiting.size === 0) this.start(stream);
    else this.waiting.add(stream);
    return stream;
  }

  /** Lets so many be open from now on. */
  allow(count: number): void {
    this.limit = count;
    this.startWaiting();
  }

  /** Gives a request up, and tells the peer. Safe to call when the stream is no more. */
  cancel(stream: ClientStream): void {
    if (this.waiting.delete(stream) || !this.isOpen(stream)) return;
    this.sender.numberFrame(Frame.resetStream, stream.id, Http2ErrorCode.cancel);
    this.remove(stream);
  }

  /** Takes a head, trailers, or what comes before the head. @throws StreamError; ConnectionError of a flood. */
  takeHeaders(stream: ClientStream, { isLast }: HeaderBlock, fields: readonly HeaderField[] | undefined): void {
    const { id, request } = stream;
    if (fields === undefined)
      throw new StreamError(id, Http2ErrorCode.enhanceYourCalm, 'got too large a list of headers');
    if (stream.hasHead) {
      if (!isLast || !areTrailers(fields)) {
        throw new StreamError(id, Http2ErrorCode.protocolError, 'got HEADERS that are no trailers');
      }
      request.trailers(fields);
    } else {
      const head = readResponseHead(id, fields);
      if (head.status < 200) {
        if (isLast) throw new StreamError(id, Http2ErrorCode.protocolError, 'got the end behind an interim response');
        this.guard.charge();
        return;
      }
      stream.hasHead = true;
      stream.contentLeft = head.contentBytes ?? -1;
      request.head(head.status, head.fields);
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
    const isRefused = code === Http2ErrorCode.refusedStream && !stream.hasHead;
    if (isRefused && !stream.wasRefused && !this.#isLeaving) this.beginAgain(stream);
    else this.remove(stream, code);
  }

  /** Ends a stream for the peer's fault. @throws ConnectionError of too many faults. */
  reset({ streamId, code }: StreamError): void {
    this.guard.charge();
    const stream = this.open.get(streamId);
    if (stream === undefined) return;
    this.sender.numberFrame(Frame.resetStream, streamId, code);
    this.remove(stream, code);
  }

  /** The peer takes its leave: it has not looked at streams above `lastId`, and others may be asked for them. (RFC 9113 §6.8) */
  goAway(lastId: number): void {
    this.#isLeaving = true;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const { request } of waiting) request.closed(Http2ErrorCode.refusedStream);
    for (const stream of [...this.open.values()]) {
      if (stream.id > lastId && this.isOpen(stream)) this.remove(stream, Http2ErrorCode.refusedStream);
    }
    if (this.open.size === 0) this.onLastEnded();
  }

  /** Forgets all of them; none hears of it. */
  endAll(): void {
    this.#isLeaving = true;
    this.#isOver = true;
    this.waiting.clear();
    for (const stream of this.open.values()) stream.isOver = true;
    this.open.clear();
  }

  private start(stream: ClientStream): void {
    stream.id = this.nextId;
    this.nextId += 2;
    this.open.set(stream.id, stream);
    this.guard.forgive();
    this.sender.request(stream);
    if (this.nextId > LAST_ID) this.goAway(LAST_ID);
  }

  /**
   * What was refused was not looked at. grpc-core refuses some when it lets only few be open, for it counts those that it
   * has just answered; a moment later it takes them. (RFC 9113 §8.7)
   */
  private beginAgain(stream: ClientStream): void {
    this.open.delete(stream.id);
    this.sender.forget(stream);
    stream.rewind();
    this.waiting.add(stream);
    this.startWaiting();
  }

  private startWaiting(): void {
    for (const stream of this.waiting) {
      if (this.open.size >= this.limit || this.isLeaving) return;
      this.waiting.delete(stream);
      this.start(stream);
    }
  }

  private remove(stream: ClientStream, code?: number): void {
    this.open.delete(stream.id);
    stream.isOver = true;
    this.sender.forget(stream);
    if (code !== undefined) stream.request.closed(code);
    if (this.waiting.size > 0) this.startWaiting();
    else if (this.isLeaving && this.open.size === 0) this.onLastEnded();
  }
}
