import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { IdentityError } from '../../errors/index.js';
import type { SignatureAlgorithm } from '../../pki/x509/index.js';
import { Field, type Logger, Metric, type MetricRegistry } from '../../telemetry/index.js';
import { type DeadlineClock, Deadlines } from '../../timers/index.js';
import { nameOfKey, type Pkcs11KeyReference } from './key-reference.js';
import type { FromToken, ToToken } from './messages.js';
import type { TokenKeyType } from './open-token.js';
import { tokenSigning, x509Signature } from './token-signature.js';

export interface Pkcs11KeyOptions {
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** Elapsed milliseconds. */
  readonly now?: () => number;
  /** For the time that a signature may take. */
  readonly deadlineClock?: DeadlineClock;
}

/** Of the 5 s that a certificate may take. A process that has answered nothing for so long hangs. */
const TIMEOUT_MS = 4000;

/** Of a start until the first answer: a module in the network looks for its servers first, and retries. */
const OPEN_TIMEOUT_MS = 30_000;

/** What may wait for a token: Citadel has 256 requests in flight at most. */
const MAX_WAITING = 512;

/** A process that ends as soon as it starts is not started for each request. */
const START_AGAIN_MS = 1000;

interface Waiting {
  resolve(signature: Buffer): void;
  reject(error: IdentityError): void;
}

/**
 * A private key in a PKCS#11 token, which signs there. Module, PIN and sessions are in a process of their own, which is
 * started again when it has ended. The caller closes it.
 */
export class Pkcs11Key {
  /** As messages name it. */
  readonly name: string;
  private readonly waiting = new Map<number, Waiting>();
  private readonly deadlines: Deadlines<number>;
  private readonly now: () => number;
  private child: ChildProcess | undefined;
  private startedAtMs = Number.NEGATIVE_INFINITY;
  /** When this process has opened the token, or signed, last; `undefined`: it has not yet. */
  private lastAnswerAtMs: number | undefined;
  /** Goes to the next process: each of them would else use up a try of the PIN. */
  private refusedPin: string | undefined;
  /** As the token has said it last. */
  private keyType: TokenKeyType | undefined;
  private lastId = 0;
  /** While its module hangs a process does not see that we have gone; Linux ends it where no handler can. */
  private readonly onExit = (): void => void this.child?.kill('SIGKILL');
  private isClosed = false;
  private isUsable = true;

  private constructor(
    private readonly reference: Pkcs11KeyReference,
    private readonly options: Pkcs11KeyOptions,
  ) {
    this.name = nameOfKey(reference);
    this.now = options.now ?? (() => performance.now());
    this.deadlines = new Deadlines(TIMEOUT_MS, (late) => this.onLate(late), options.deadlineClock);
    process.once('exit', this.onExit);
  }

  /**
   * Resolves when the key is ready to sign.
   * @throws IdentityError `ERR_CA_KEY_UNAVAILABLE`: what is missing: module, token, PIN, key.
   */
  static async open(reference: Pkcs11KeyReference, options: Pkcs11KeyOptions): Promise<Pkcs11Key> {
    const key = new Pkcs11Key(reference, options);
    try {
      const keyType = await key.opened(key.start());
      options.metrics.gauge(Metric.caKeyUsable).set(1);
      options.logger.info('CA key opened in its token', { [Field.source]: key.name, [Field.detail]: keyType });
      return key;
    } catch (error) {
      await key.close();
      throw error;
    }
  }

  /**
   * Signs what X.509 wants signed.
   * @returns the signature as X.509 has it.
   * @throws IdentityError `ERR_SIGNER_INVALID`: the key is of another type; `ERR_CA_KEY_UNAVAILABLE`: the token does
   *   not sign now.
   */
  async sign(toBeSigned: Buffer, algorithm: SignatureAlgorithm): Promise<Buffer> {
    const { name, keyType } = this;
    if (keyType !== undefined && keyType !== algorithm.keyType) {
      throw new IdentityError(
        'ERR_SIGNER_INVALID',
        `CA key ${name}: got one of type ${keyType}, expected ${algorithm.keyType}, as its certificate is`,
      );
    }
    const { mechanism, input } = tokenSigning(toBeSigned, algorithm);
    try {
      const signature = x509Signature(await this.signed(mechanism, input), algorithm);
      this.setUsable();
      return signature;
    } catch (error) {
      this.setUsable(error);
      throw error;
    }
  }

  /** Ends the process. Safe to call twice. */
  async close(): Promise<void> {
    this.isClosed = true;
    const { child } = this;
    if (child === undefined) {
      process.off('exit', this.onExit);
      return;
    }
    const hasEnded = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await hasEnded;
    process.off('exit', this.onExit);
  }

  private signed(mechanism: number, input: Buffer): Promise<Buffer> {
    if (this.isClosed) return Promise.reject(this.unavailable('it is closed'));
    if (this.waiting.size >= MAX_WAITING) {
      return Promise.reject(this.unavailable(`got ${MAX_WAITING} signatures waiting, expected fewer`));
    }
    if (this.child === undefined) {
      if (this.now() < this.startedAtMs + START_AGAIN_MS) {
        return Promise.reject(this.unavailable('its process has ended, and is started again within a second'));
      }
      this.start();
    }
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.deadlines.add(id);
      this.tell({ kind: 'sign', id, mechanism, input });
    });
  }

  private start(): ChildProcess {
    this.startedAtMs = this.now();
    this.lastAnswerAtMs = undefined;
    // Beside this file in build/, and among the files of the threads in dist/. Options of this Node.js are not for it.
    const child = fork(fileURLToPath(new URL('./token-process.js', import.meta.url)), [`${process.pid}`], {
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.child = child;
    child.on('message', (message: FromToken) => {
      if (this.child === child || message.kind === 'pin') this.onMessage(message);
    });
    child.on('error', () => this.onEnded(child));
    child.on('exit', () => this.onEnded(child));
    this.tell({ kind: 'open', reference: this.reference, refusedPin: this.refusedPin });
    return child;
  }

  /** That a message cannot be sent is told by the end of the process. */
  private tell(message: ToToken): void {
    this.child?.send(message, () => {});
  }

  private opened(child: ChildProcess): Promise<TokenKeyType> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(this.unavailable(`it was not open after ${OPEN_TIMEOUT_MS / 1000} s`)),
        OPEN_TIMEOUT_MS,
      );
      child.once('exit', () => reject(this.unavailable('its process has ended')));
      child.once('exit', () => clearTimeout(timer));
      child.on('message', (message: FromToken) => {
        if (message.kind === 'opened') resolve(message.keyType);
        else if (message.kind === 'failed') reject(this.unavailable(message.message));
        else return;
        clearTimeout(timer);
      });
    });
  }

  private onMessage(message: FromToken): void {
    switch (message.kind) {
      case 'signed':
        this.lastAnswerAtMs = this.now();
        this.finish(message.id)?.resolve(Buffer.from(message.signature));
        return;
      case 'refused':
        this.finish(message.id)?.reject(this.unavailable(message.message));
        return;
      case 'opened':
        this.lastAnswerAtMs = this.now();
        this.keyType = message.keyType;
        return;
      case 'pin':
        this.refusedPin = message.refusedPin;
        return;
      case 'failed':
        // At the start it is awaited; later ones are told by what then does not sign.
        return;
      default:
        message satisfies never;
    }
  }

  private finish(id: number): Waiting | undefined {
    const one = this.waiting.get(id);
    this.waiting.delete(id);
    this.deadlines.delete(id);
    return one;
  }

  private onLate(late: readonly number[]): void {
    for (const id of late) {
      this.finish(id)?.reject(this.unavailable('it has not signed in time'));
      this.tell({ kind: 'drop', id });
    }
    const { child } = this;
    if (child === undefined || !this.isHanging()) return;
    this.onEnded(child);
    child.kill('SIGKILL');
  }

  /** A token that is slow, or has much to do, signs for others meanwhile; one that opens gets its time, as at first. */
  private isHanging(): boolean {
    const { startedAtMs, lastAnswerAtMs } = this;
    return this.now() >= (lastAnswerAtMs === undefined ? startedAtMs + OPEN_TIMEOUT_MS : lastAnswerAtMs + TIMEOUT_MS);
  }

  private onEnded(child: ChildProcess): void {
    if (this.child !== child) return;
    this.child = undefined;
    for (const id of [...this.waiting.keys()]) this.finish(id)?.reject(this.unavailable('its process has ended'));
  }

  /** Told once for each time. */
  private setUsable(error?: unknown): void {
    const isUsable = error === undefined;
    if (this.isUsable === isUsable || this.isClosed) return;
    this.isUsable = isUsable;
    const { logger, metrics } = this.options;
    metrics.gauge(Metric.caKeyUsable).set(isUsable ? 1 : 0);
    if (isUsable) logger.info('CA key can be used again', { [Field.source]: this.name });
    else logger.error('CA key cannot be used, nothing is issued', { [Field.error]: Object(error).message });
  }

  private unavailable(problem: string): IdentityError {
    return new IdentityError('ERR_CA_KEY_UNAVAILABLE', `CA key ${this.name}: ${problem}`);
  }
}
