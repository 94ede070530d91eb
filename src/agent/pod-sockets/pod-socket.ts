import { join } from 'node:path';
import { type CancelSignal, CancelSource } from '../../cancellation/index.js';
import { errorCodeOf, IdentityError } from '../../errors/index.js';
import { ChangingFiles } from '../../system/small-files/index.js';
import type { WorkloadIdentity } from '../identity/index.js';
import { judgeDirectory, POD_SOCKET_NAME, POD_TOKEN_NAME, readPodToken } from './pod-directory.js';

/** Keeps the identity of a pod, whose token the CA has accepted. */
export interface PodHold {
  readonly identity: WorkloadIdentity;
  /** The same for a stream. */
  again(): PodHold;
  release(): void;
  /** Releases it, and has the key wiped at once when nothing else holds it. */
  dismiss(): void;
  /** Calls `end` when the token is good no more, until the result is called. */
  onTokenNeeded(end: () => void): () => void;
}

/** A socket in the directory of a pod. */
export interface PodListener {
  /** Puts it back when it has gone. */
  look(): void;
  close(): Promise<void>;
}

export interface PodSocketOptions {
  readonly directory: string;
  readonly podUid: string;
  /** Resolves with the token's pod when the CA has accepted the token; keeps no copy of it after that. */
  readonly admit: (token: Buffer, signal: CancelSignal) => Promise<PodHold>;
  /** Listens at a path; connections bear the name of the pod. */
  readonly listen: (path: string, podUid: string) => Promise<PodListener>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Told when it serves, and why it does not. */
  readonly onState: (state: PodSocketState) => void;
}

export type PodSocketState =
  | { readonly kind: 'serving' }
  | { readonly kind: 'waiting' | 'refused'; readonly error: unknown };

/** One pod: its directory, its socket, and the identity of the token that is there. Its owner closes it. */
export class PodSocket {
  #state: PodSocketState | undefined;
  private readonly token: ChangingFiles;
  private listener: PodListener | undefined;
  private hold: PodHold | undefined;
  private stopHearing = (): void => {};
  /** Those that end streams when the directory has gone. */
  private readonly ends = new Set<() => void>();
  private readonly closing = new CancelSource();
  private isProving = false;
  private looking: Promise<void> | undefined;

  constructor(private readonly options: PodSocketOptions) {
    this.token = new ChangingFiles([join(options.directory, POD_TOKEN_NAME)]);
  }

  /** `undefined` before the first look has come to its end. */
  get state(): PodSocketState | undefined {
    return this.#state;
  }

  /** What it looks at. */
  get paths(): string[] {
    return [POD_TOKEN_NAME, POD_SOCKET_NAME].map((name) => join(this.options.directory, name));
  }

  /** Looks at directory, socket and token; calls at one time have one look. Never rejects. */
  look(): Promise<void> {
    this.looking ??= this.lookOnce().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private async lookOnce(): Promise<void> {
    const { directory, podUid, listen, now } = this.options;
    if (this.closing.isCancelled) return;
    try {
      await judgeDirectory(directory);
      if (this.listener === undefined) await this.opened(await listen(join(directory, POD_SOCKET_NAME), podUid));
      else this.listener.look();
      if ((await this.token.haveChanged(now())) || this.hold === undefined) await this.prove();
    } catch (error) {
      // What is refused must not go on being served: another user may say now who this pod is.
      if (errorCodeOf(error) === 'ERR_SOCKET_INVALID') await this.drop();
      // A directory that has gone is no fault of it: the next look at the one above removes the pod.
      if (!isGone(error)) this.became({ kind: 'refused', error });
    }
  }

  /**
   * A hold for a stream that came by the socket, until that ends or the directory has gone.
   * @throws what reading the token and `admit` do.
   */
  async open(signal: CancelSignal): Promise<PodHold> {
    const { directory, podUid, now, admit } = this.options;
    const hold = this.hold?.again() ?? (await admit(await readPodToken(directory, podUid, now), signal));
    const onTokenNeeded = (end: () => void): (() => void) => {
      const stop = hold.onTokenNeeded(end);
      this.ends.add(end);
      return () => {
        stop();
        this.ends.delete(end);
      };
    };
    return { ...holdOf(hold), onTokenNeeded };
  }

  /** Looks at nothing any more, and removes the socket; streams go on. Safe to call twice. */
  async closeListener(): Promise<void> {
    this.closing.cancel();
    await this.looking;
    await this.listener?.close();
  }

  /** Ends the streams, removes the socket, and lets go of the key. Safe to call twice. */
  async close(): Promise<void> {
    await this.closeListener();
    await this.drop();
  }

  private async opened(listener: PodListener): Promise<void> {
    if (this.closing.isCancelled) await listener.close();
    else this.listener = listener;
  }

  private async drop(): Promise<void> {
    const { listener, hold } = this;
    this.listener = undefined;
    this.hold = undefined;
    this.stopHearing();
    for (const end of [...this.ends]) end();
    await listener?.close();
    hold?.dismiss();
  }

  /** Has the CA accept the token as it is now; while the CA is away that goes on behind the looks. */
  private async prove(): Promise<void> {
    const { directory, podUid, now, admit } = this.options;
    if (this.isProving) return;
    let token: Buffer;
    try {
      token = await readPodToken(directory, podUid, now);
    } catch (error) {
      this.token.forget();
      const isAbsent = errorCodeOf(error) === 'ERR_TOKEN_MISSING' && this.hold === undefined;
      if (this.hold === undefined) this.became({ kind: isAbsent ? 'waiting' : 'refused', error });
      return;
    }
    this.isProving = true;
    if (this.hold === undefined) this.became({ kind: 'waiting', error: undefined });
    void admit(token, this.closing)
      .then(
        (hold) => this.take(hold),
        (error: unknown) => {
          if (!this.closing.isCancelled && this.hold === undefined) this.became({ kind: 'refused', error });
        },
      )
      .finally(() => {
        this.isProving = false;
      });
  }

  private take(hold: PodHold): void {
    if (this.closing.isCancelled) {
      hold.dismiss();
      return;
    }
    const previous = this.hold;
    this.stopHearing();
    this.hold = hold;
    this.stopHearing = hold.onTokenNeeded(() => {
      this.token.forget();
      void this.look();
    });
    previous?.release();
    this.became({ kind: 'serving' });
  }

  private became(state: PodSocketState): void {
    const before = this.#state;
    this.#state = state;
    if (before?.kind !== state.kind || state.kind === 'refused') this.options.onState(state);
  }
}

function isGone(error: unknown): boolean {
  return error instanceof IdentityError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

function holdOf(hold: PodHold): PodHold {
  return {
    identity: hold.identity,
    again: () => hold.again(),
    release: () => hold.release(),
    dismiss: () => hold.dismiss(),
    onTokenNeeded: (end) => hold.onTokenNeeded(end),
  };
}
