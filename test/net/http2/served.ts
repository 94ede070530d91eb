import {
  type ConnectionEnd,
  encodeHeaderBlock,
  Outbox,
  ReadQueue,
  type RequestHead,
  ServerConnection,
  type ServerConnectionOptions,
  type ServerStream,
  serverOpening,
} from '../../../src/net/http2/index.js';
import { MemoryWire } from '../../support/memory-wire.js';
import { opening } from '../../support/raw-frames.js';

/** A request as the server side of a test sees it. */
export interface ServedRequest {
  readonly stream: ServerStream;
  readonly head: RequestHead;
  content: string;
  endedCount: number;
  closedCount: number;
}

export const OK_HEAD = encodeHeaderBlock([[':status', '200']]);
export const TRAILERS = encodeHeaderBlock([['grpc-status', '0']]);

/** A server without sockets, a clock that the test moves, and all that is told of its connections. */
export class MemoryServer {
  readonly requests: ServedRequest[] = [];
  readonly ends: ConnectionEnd[] = [];
  readonly bugs: unknown[] = [];
  nowMs = 0;
  readonly #outbox = new Outbox();
  readonly #options: ServerConnectionOptions;

  constructor(options: Partial<ServerConnectionOptions> = {}) {
    const maxConcurrentStreams = options.maxConcurrentStreams ?? 100;
    this.#options = {
      opening: serverOpening(maxConcurrentStreams),
      maxConcurrentStreams,
      readQueue: new ReadQueue({ now: () => this.nowMs }),
      onRequest: (stream, head) => this.#open(stream, head),
      onClosed: (_connection, end) => this.ends.push(end),
      onBug: (error) => this.bugs.push(error),
      now: () => this.nowMs,
      ...options,
    };
  }

  /** A connection that has not said anything. */
  connect(): { wire: MemoryWire; connection: ServerConnection } {
    const wire = new MemoryWire(this.#outbox);
    return { wire, connection: new ServerConnection(wire, 1, this.#options) };
  }

  /** One that has been greeted, both ways. */
  greeted(): { wire: MemoryWire; connection: ServerConnection } {
    const connected = this.connect();
    connected.wire.feed(opening());
    connected.wire.takeFrames();
    return connected;
  }

  /** The newest request. */
  last(): ServedRequest {
    const request = this.requests.at(-1);
    if (request === undefined) throw new Error('no request came');
    return request;
  }

  #open(stream: ServerStream, head: RequestHead): void {
    const request: ServedRequest = { stream, head, content: '', endedCount: 0, closedCount: 0 };
    this.requests.push(request);
    stream.events = {
      data: (bytes, start, end) => {
        request.content += bytes.toString('latin1', start, end);
      },
      ended: () => {
        request.endedCount += 1;
      },
      closed: () => {
        request.closedCount += 1;
      },
    };
  }
}
