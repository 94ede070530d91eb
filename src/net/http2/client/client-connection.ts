import { ConnectionError, Http2ErrorCode } from '../framing/errors.js';
import { FloodGuard } from '../framing/flood-guard.js';
import { encodeFrame, encodeGoAway, Frame } from '../framing/frames.js';
import { InboundFrames } from '../framing/inbound-frames.js';
import { ClientHalf } from './client-half.js';
import { CALLS_OPENING, type ClientOpening, STREAMS_BEFORE_SETTINGS } from './client-options.js';
import type { ClientOutput } from './client-output.js';
import type { ClientOwner } from './client-owner.js';
import { ClientSender } from './client-sender.js';
import type { ClientRequest, ClientStream, ClientStreamEvents } from './client-stream.js';
import { ClientStreams } from './client-streams.js';

/** Who owns the connection below, and ends it. */
export interface ClientConnectionOptions {
  readonly output: ClientOutput;
  /** Of a client of a CA unless given. */
  readonly opening?: ClientOpening;
  /**
   * The peer lets no further stream begin; called before the streams that it has not looked at are told. `code` is of
   * `Http2ErrorCode`, `text` for people, and both come from the network. (RFC 9113 §6.8)
   */
  onGoAway?(code: number, text: string): void;
  /**
   * It is over, and not by {@link ClientConnection.close}; called once. `reason` says what went
   * wrong, and is empty when the peer has taken its leave.
   */
  onEnd(reason: string): void;
  /** Milliseconds, never going back. */
  now(): number;
}

/** By one text all PINGs are known: there is one at a time. */
const PING = encodeFrame(Frame.ping, 0, 0, Buffer.from('sidecert', 'latin1'));

/**
 * The client's half of HTTP/2 on one connection, for requests that are there as a whole, and for streams. (RFC 9113)
 */
export class ClientConnection implements ClientOwner {
  private readonly options: ClientConnectionOptions;
  private readonly sender: ClientSender;
  private readonly streams: ClientStreams;
  private readonly frames: InboundFrames<ClientStream>;
  private onPong: (() => void) | undefined;
  private isOpen = false;
  private isOver = false;

  constructor(options: ClientConnectionOptions) {
    this.options = options;
    const guard = new FloodGuard(options.now);
    const sender = new ClientSender(options.output);
    const streams = new ClientStreams(sender, guard, this);
    this.sender = sender;
    this.streams = streams;
    const half = new ClientHalf({ streams, sender, guard, owner: this });
    const { limits } = options.opening ?? CALLS_OPENING;
    this.frames = new InboundFrames({ half, streams, sender, guard, limits });
  }

  /** False from the moment on that no further request can begin: it is over, or the peer has sent GOAWAY. */
  get isUsable(): boolean {
    return !this.isOver && !this.streams.isLeaving;
  }

  /** The wire is there: requests can go. */
  open(): void {
    if (this.isOpen || this.isOver) return;
    this.isOpen = true;
    this.sender.frames((this.options.opening ?? CALLS_OPENING).bytes);
    this.streams.allow(STREAMS_BEFORE_SETTINGS);
  }

  /** Asks, as soon as the wire is there and the peer lets it; only while {@link isUsable}. */
  request(request: ClientRequest): ClientStream {
    return this.streams.begin(request, request.content);
  }

  /** Begins a request whose content is sent by {@link ClientStream.send}; as {@link request} otherwise. */
  openStream(events: ClientStreamEvents): ClientStream {
    return this.streams.begin(events);
  }

  /** Gives a request up; nothing more is told to it. Safe to call when it is over. */
  cancel(stream: ClientStream): void {
    if (!this.isOver) this.streams.cancel(stream);
  }

  /** `onPong` is called when the answer has come. One at a time. */
  ping(onPong: () => void): void {
    if (!this.isOpen || this.isOver) return;
    this.onPong = onPong;
    this.sender.frames(PING);
  }

  /** Bytes of the peer, valid during the call alone. */
  received(bytes: Buffer, start: number, end: number): void {
    if (this.isOver) return;
    this.sender.noteRead();
    try {
      this.frames.read(bytes, start, end);
    } catch (error) {
      if (error instanceof ConnectionError) this.end(error.code, error.message);
      // The rest of the process must not suffer for it.
      else this.end(Http2ErrorCode.internalError, 'internal error', String(error));
    }
    if (this.sender.isUnread()) {
      this.end(Http2ErrorCode.enhanceYourCalm, 'got what is to be answered, and reads no answer');
    }
  }

  /** Takes our leave: the peer is told, the requests are not. Safe to call twice. */
  close(): void {
    this.over(Http2ErrorCode.noError, '');
  }

  /** For its parts, as all of {@link ClientOwner}. */
  pong(): void {
    const onPong = this.onPong;
    this.onPong = undefined;
    onPong?.();
  }

  goneAway(code: number, text: string): void {
    this.options.onGoAway?.(code, text);
  }

  lastEnded(): void {
    this.end(Http2ErrorCode.noError, '');
  }

  private end(code: number, textForPeer: string, reason = textForPeer): void {
    if (this.over(code, textForPeer)) this.options.onEnd(reason);
  }

  /** False when it was over before. */
  private over(code: number, textForPeer: string): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.streams.endAll();
    if (this.isOpen) {
      // No stream of the peer was ever begun.
      this.sender.frames(encodeGoAway(0, code, textForPeer));
      this.sender.flush();
    }
    this.sender.stop();
    return true;
  }
}
