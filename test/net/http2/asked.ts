import {
  ClientConnection,
  type ClientConnectionOptions,
  type ClientRequest,
  encodeHeaderBlock,
  encodeSettings,
  type HeaderField,
  PREFACE,
  SlabOutput,
} from '../../../src/net/http2/index.js';
import { framesIn, type RawFrame } from '../../support/raw-frames.js';

/** A request, and all that it was told. */
export class Asked implements ClientRequest {
  readonly content: Buffer;
  readonly told: string[] = [];
  /** What the peer did wrong, where that ended it. */
  readonly faults: string[] = [];
  blocks = 0;
  /** Thrown by `data`, as something of ours that must not throw would. */
  onData: () => void = () => {};

  constructor(
    content = 'hello',
    private readonly fields: readonly HeaderField[] = [[':path', '/a']],
  ) {
    this.content = Buffer.from(content);
  }

  block(): Buffer {
    this.blocks += 1;
    return encodeHeaderBlock(this.fields);
  }

  head(status: number, fields: readonly HeaderField[]): void {
    this.told.push([`head ${status}`, ...fields.map((field) => field.join('='))].join(' '));
  }

  data(bytes: Buffer, start: number, end: number): void {
    this.told.push(`data ${bytes.toString('latin1', start, end)}`);
    this.onData();
  }

  trailers(fields: readonly HeaderField[]): void {
    this.told.push(['trailers', ...fields.map((field) => field.join('='))].join(' '));
  }

  closed(code: number, fault?: string): void {
    this.told.push(`closed ${code}`);
    if (fault !== undefined) this.faults.push(fault);
  }
}

/** A client without a socket, and its server by hand. */
export class MemoryClient {
  readonly ends: string[] = [];
  /** Each as it was written. */
  readonly writes: Buffer[] = [];
  /** The server reads nothing. */
  isStuck = false;
  /** So many writes it has read before it was stuck. */
  readWrites = 0;
  nowMs = 0;
  #taken = 0;
  readonly connection: ClientConnection;

  constructor(options: Partial<ClientConnectionOptions> = {}) {
    const { writes } = this;
    const backlogOf = (): number =>
      this.isStuck ? writes.slice(this.readWrites).reduce((sum, { length }) => sum + length, 0) : 0;
    this.connection = new ClientConnection({
      output: new SlabOutput({
        get backlogBytes() {
          return backlogOf();
        },
        write: (bytes) => void writes.push(bytes),
      }),
      onEnd: (reason) => this.ends.push(reason),
      now: () => this.nowMs,
      ...options,
    });
  }

  /** One that has a server, which has said its settings. */
  static greeted(
    settings: readonly (readonly [id: number, value: number])[] = [],
    options: Partial<ClientConnectionOptions> = {},
  ): MemoryClient {
    const client = new MemoryClient(options);
    client.connection.open();
    client.feed(encodeSettings(settings));
    return client;
  }

  /** Asks several times; `count` requests with the content `hello`. */
  ask(count: number): Asked[] {
    const all = Array.from({ length: count }, () => new Asked());
    for (const one of all) this.connection.request(one);
    return all;
  }

  /** The server sends: in memory that is used anew afterwards. */
  feed(...parts: readonly Buffer[]): void {
    const bytes = Buffer.concat(parts);
    this.connection.received(bytes, 0, bytes.length);
    bytes.fill(0xee);
  }

  /** The frames that were written since the last call, when this turn of the event loop is over. */
  async takeFrames(): Promise<RawFrame[]> {
    await new Promise(setImmediate);
    const isFirst = this.#taken === 0;
    const bytes = Buffer.concat(this.writes.slice(this.#taken));
    this.#taken = this.writes.length;
    return framesIn(isFirst ? bytes.subarray(PREFACE.length) : bytes).frames;
  }
}
