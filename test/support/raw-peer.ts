import { connect, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { Test } from 'tap';
import { Flag, Frame } from '../../src/net/http2/index.js';
import { codeOf, framesIn, opening, ping, type RawFrame } from './raw-frames.js';

/** By the roots: to make one costs more than a handshake, and a test may have thousands of peers. */
const secureContexts = new WeakMap<Buffer, SecureContext>();

/** A client that sends whatever a test wants, over a real Unix socket or TLS, and says what came back. */
export class RawPeer {
  readonly socket: Socket;
  readonly frames: RawFrame[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #waiters: (() => void)[] = [];
  #pings = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      const { frames, rest } = framesIn(Buffer.concat([this.#rest, bytes]));
      this.#rest = rest;
      this.frames.push(...frames);
      this.#wake();
    });
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  /** Connects, and closes with the test; says the preface unless told not to. */
  static async connect(t: Pick<Test, 'teardown'>, path: string, { greets = true } = {}): Promise<RawPeer> {
    const socket = connect(path);
    const peer = new RawPeer(socket);
    t.teardown(() => socket.destroy());
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    if (greets) peer.send(opening());
    return peer;
  }

  /** The same to a server of TLS, such as a Citadel: `address` is `host:port`. */
  static async connectTls(
    t: Pick<Test, 'teardown'>,
    { address, rootPem }: { address: string; rootPem: Buffer },
  ): Promise<RawPeer> {
    const { hostname, port } = new URL(`tls://${address}`);
    const secureContext = secureContexts.get(rootPem) ?? createSecureContext({ ca: rootPem });
    secureContexts.set(rootPem, secureContext);
    const socket = connectTls({
      ...{ host: hostname, port: Number(port), secureContext, ALPNProtocols: ['h2'] },
      servername: 'istiod.istio-system.svc',
    });
    const peer = new RawPeer(socket);
    t.teardown(() => socket.destroy());
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    peer.send(opening());
    return peer;
  }

  /** Resolves when the server takes more, or the connection is closed. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.socket.off('drain', done).off('close', done);
        resolve();
      };
      this.socket.on('drain', done).on('close', done);
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(...parts: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** Disconnects, and lets go of what has come: for a test with thousands of peers. */
  leave(): void {
    this.socket.destroy();
    this.frames.length = 0;
    this.#rest = Buffer.alloc(0);
  }

  /** Resolves when `condition` holds; rejects when the connection ends before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#isClosed) throw new Error(`the connection has ended, after ${this.frames.length} frames`);
      await this.#news();
    }
  }

  /** Resolves with the first frame that fits. */
  async frame(fits: (frame: RawFrame) => boolean): Promise<RawFrame> {
    await this.until(() => this.frames.some(fits));
    const found = this.frames.find(fits);
    if (found === undefined) throw new Error('a frame has vanished');
    return found;
  }

  /** Milliseconds from a PING to its answer. */
  async ping(): Promise<number> {
    this.#pings += 1;
    const text = String(this.#pings).padStart(8, '0');
    const sentAtMs = performance.now();
    this.send(ping(text));
    await this.frame(
      ({ type, flags, payload }) => type === Frame.ping && (flags & Flag.ack) !== 0 && payload.toString() === text,
    );
    return performance.now() - sentAtMs;
  }

  /** Resolves when the server has ended the connection: with the code of its GOAWAY, if there was one. */
  async ended(): Promise<number | undefined> {
    while (!this.#isClosed) await this.#news();
    const last = this.frames.filter(({ type }) => type === Frame.goAway).at(-1);
    return last === undefined ? undefined : codeOf(last);
  }

  #news(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}
