import { type ClientDuplexStream, type StatusObject, status } from '@grpc/grpc-js';
import type { RpcChannel } from '../../src/net/grpc/client/channel.js';
import { PATIENCE_MS } from './patience.js';

/** A method that no server has: its refusal is the answer to a question that costs nothing. */
const NOWHERE = '/sidecert.test.Nowhere/Ping';

/**
 * Round trips that {@link XdsClient.expectSilence} makes: one to see the request read, the rest for the turns of a
 * broadcast.
 */
const ROUND_TRIPS = 3;

/** How a stream ended, as its server said. */
export interface StreamEnd {
  readonly code: status;
  readonly details: string;
}

/**
 * The half of a fake Envoy that SotW and delta share: one stream, its responses and its end. It answers nothing by
 * itself.
 */
export class XdsClient<Response extends { readonly names: readonly string[] }> {
  protected readonly channel: RpcChannel;
  protected readonly stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #arrived: Response[] = [];
  #end: StreamEnd | undefined;
  #notify = (): void => {};
  /** Resolves when the server has ended the stream. */
  readonly ended: Promise<StreamEnd>;

  constructor(channel: RpcChannel, stream: ClientDuplexStream<Buffer, Buffer>, decode: (bytes: Buffer) => Response) {
    this.channel = channel;
    this.stream = stream;
    // The status says the same, and comes for a clean end too.
    stream.on('error', () => {});
    this.ended = new Promise((resolve) => {
      stream.on('status', ({ code, details }: StatusObject) => {
        this.#end = { code, details };
        this.#notify();
        resolve(this.#end);
      });
    });
    stream.on('data', (bytes: Buffer) => {
      this.#arrived.push(decode(bytes));
      this.#notify();
    });
  }

  /** Sends any bytes as one message. */
  sendRaw(message: Buffer): void {
    this.stream.write(message);
  }

  /** Sends `message` `count` times, and waits until the server has read them, as `haveCome` tells. */
  async flood(message: Buffer, count: number, haveCome: () => boolean): Promise<void> {
    for (let sent = 0; sent < count; sent += 1) this.stream.write(message);
    while (!haveCome()) await this.roundTrip();
  }

  /** The next response, in order of arrival. */
  async expectResponse(): Promise<Response> {
    while (this.#arrived.length === 0) {
      this.#assertOpen('a response');
      await this.#news();
    }
    const [response] = this.#arrived.splice(0, 1);
    if (response === undefined) throw new Error('another reader took the response');
    return response;
  }

  /** The next response, however long it takes; `undefined` when the stream ends in place of it. */
  async nextResponse(): Promise<Response | undefined> {
    while (this.#arrived.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => {
        this.#notify = resolve;
      });
    }
    return this.#arrived.shift();
  }

  /**
   * Proves that what was sent and changed until now gave no response, and that the stream lives: by round trips on the
   * same connection, which the server answers after all that it had to do for this stream.
   */
  async expectSilence(): Promise<void> {
    for (let trip = 0; trip < ROUND_TRIPS; trip += 1) await this.roundTrip();
    const [response] = this.#arrived;
    if (response !== undefined) throw new Error(`got a response with ${response.names}, expected silence`);
    this.#assertOpen('silence');
  }

  /** Asks the server something on this connection and waits for the answer. */
  async roundTrip(): Promise<void> {
    const options = { deadlineMs: Date.now() + PATIENCE_MS };
    await this.channel.unary(NOWHERE, Buffer.alloc(0), options).catch((error: { code: status }) => {
      if (error.code !== status.UNIMPLEMENTED) throw error;
    });
  }

  /** Half-closes, as a client does that is done. */
  halfClose(): void {
    this.stream.end();
  }

  /** Resets the stream. */
  cancel(): void {
    this.stream.cancel();
  }

  #assertOpen(expected: string): void {
    if (this.#end === undefined) return;
    throw new Error(`stream ended with ${status[this.#end.code]} (${this.#end.details}), expected ${expected}`);
  }

  /** Resolves at the next response, or at the end of the stream. */
  #news(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no response came')), PATIENCE_MS);
      this.#notify = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
