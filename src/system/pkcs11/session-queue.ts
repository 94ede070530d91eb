import { messageOf } from '../../errors/index.js';
import type { OpenedKey, TokenKeyType } from './open-token.js';
import { isSessionLost, moduleProblem } from './return-values.js';

/** One that waits for a session, or that a session is at work on. */
interface Signing {
  readonly id: number;
  readonly mechanism: number;
  readonly input: Uint8Array;
  resolve(signature: Uint8Array): void;
  reject(error: Error): void;
  /** A session was lost under it. */
  wasLost: boolean;
}

export interface SessionQueueOptions {
  /** Opens the key again, and ends what was open before. */
  readonly open: () => Promise<OpenedKey>;
  /** Elapsed milliseconds. */
  readonly now: () => number;
}

/** Each try may be a try of the PIN, and a token that is away is not back within milliseconds. */
const OPEN_AGAIN_MS = 1000;

/**
 * Signs by the sessions of a token, one at a time by each. A session that is lost has all opened again, once for each
 * signature that was waiting; while that fails, requests are refused at once, and tried again after a second.
 */
export class SessionQueue {
  private readonly waiting: Signing[] = [];
  private opened: OpenedKey | undefined;
  private idle: number[] = [];
  private running = 0;
  private isOpening = false;
  private isLost = false;
  private failure: { readonly message: string; readonly atMs: number } | undefined;

  constructor(private readonly options: SessionQueueOptions) {}

  /** Opens the key before it is needed. Rejects with what is missing. */
  async start(): Promise<TokenKeyType> {
    try {
      return (await this.open()).keyType;
    } finally {
      this.next();
    }
  }

  /** `id` is for {@link drop}. */
  sign(id: number, mechanism: number, input: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ id, mechanism, input, resolve, reject, wasLost: false });
      this.next();
    });
  }

  /** Rejects a signature that has not begun; one that has goes on. */
  drop(id: number): void {
    const at = this.waiting.findIndex((signing) => signing.id === id);
    for (const signing of at < 0 ? [] : this.waiting.splice(at, 1)) signing.reject(new Error('dropped'));
  }

  private next(): void {
    if (this.isOpening) return;
    // The module is not ended under signatures that run.
    if (this.isLost && this.running > 0) return;
    if (this.opened === undefined || this.isLost) {
      if (this.waiting.length > 0) void this.openAgain();
      return;
    }
    while (this.idle.length > 0 && this.waiting.length > 0) {
      const [session, signing] = [this.idle.pop(), this.waiting.shift()];
      if (session !== undefined && signing !== undefined) void this.run(this.opened, session, signing);
    }
  }

  private async run({ module, key }: OpenedKey, session: number, signing: Signing): Promise<void> {
    this.running += 1;
    try {
      signing.resolve(new Uint8Array(await module.sign(session, key, signing.mechanism, signing.input)));
    } catch (error) {
      this.onRefused(signing, error);
    } finally {
      this.running -= 1;
      this.idle.push(session);
      this.next();
    }
  }

  private onRefused(signing: Signing, error: unknown): void {
    const refusal = new Error(moduleProblem(error));
    if (!isSessionLost(error)) {
      signing.reject(refusal);
      return;
    }
    this.isLost = true;
    if (signing.wasLost) {
      // Opened again without success: not for each request that waits.
      this.failure = { message: refusal.message, atMs: this.options.now() };
      signing.reject(refusal);
      return;
    }
    signing.wasLost = true;
    this.waiting.unshift(signing);
  }

  /** Never rejects. */
  private async openAgain(): Promise<void> {
    const { failure } = this;
    if (failure !== undefined && this.options.now() < failure.atMs + OPEN_AGAIN_MS) {
      this.refuseAll(failure.message);
      return;
    }
    try {
      await this.open();
    } catch (error) {
      this.refuseAll(messageOf(error));
    }
    this.next();
  }

  private async open(): Promise<OpenedKey> {
    this.isOpening = true;
    this.opened = undefined;
    try {
      const opened = await this.options.open();
      this.use(opened);
      return opened;
    } catch (error) {
      this.failure = { message: messageOf(error), atMs: this.options.now() };
      throw error;
    } finally {
      this.isOpening = false;
    }
  }

  private use(opened: OpenedKey): void {
    this.opened = opened;
    this.idle = [...opened.sessions];
    this.isLost = false;
    this.failure = undefined;
  }

  private refuseAll(message: string): void {
    for (const signing of this.waiting.splice(0)) signing.reject(new Error(message));
  }
}
