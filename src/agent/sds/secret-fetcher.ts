import { type CancelSignal, CancelSource } from '../../cancellation/index.js';
import { IdentityError } from '../../errors/index.js';
import { quote } from './quote.js';
import type { SecretSource, SecretView, StreamCaller } from './secret-source.js';
import type { NamedSecret } from './sending.js';
import type { ServedContents } from './served-contents.js';

/** Calls `act` after a time, unless the function it returns is called before. */
export type After = (delayMs: number, act: () => void) => () => void;

export interface SecretFetcherOptions {
  readonly source: SecretSource;
  readonly contents: ServedContents;
  readonly after?: After;
}

export interface Fetch {
  readonly names: readonly string[];
  readonly caller: StreamCaller;
  /** Ends the wait. */
  readonly signal: CancelSignal;
}

/** Makes the answer, at once: the secrets are there until it returns, and may be wiped after that. */
export type Serialise<T> = (secrets: readonly NamedSecret[]) => T;

/** How long one may wait for a secret that is not there yet: less than the second that Envoy gives a REST poll. */
const WAIT_MS = 750;

/**
 * Answers once: with the secrets that were asked for, as soon as all are there that may come, or with those that there
 * are when the time is up; never with none.
 */
export class SecretFetcher {
  private readonly source: SecretSource;
  private readonly contents: ServedContents;
  private readonly after: After;

  constructor({ source, contents, after = afterTimeout }: SecretFetcherOptions) {
    this.source = source;
    this.contents = contents;
    this.after = after;
  }

  /**
   * What `serialise` makes of the secrets, while the view that they belong to is still open.
   * @throws IdentityError `ERR_REQUEST_INVALID`: nothing is asked for; `ERR_SECRET_UNKNOWN`: none of it can ever be;
   * `ERR_SVID_NOT_READY`: none of it is there yet; and why the source does not serve the caller.
   */
  async fetch<T>({ names, caller, signal }: Fetch, serialise: Serialise<T>): Promise<T> {
    if (names.length === 0) throw new IdentityError('ERR_REQUEST_INVALID', 'resource names: got none, expected one');
    const over = new CancelSource();
    const cancelTimer = this.after(WAIT_MS, () => over.cancel());
    signal.add(over);
    try {
      const view = await this.open(caller, over);
      try {
        return await this.look(view, { names, caller, signal: over }, serialise);
      } finally {
        view.close();
      }
    } finally {
      cancelTimer();
      signal.delete(over);
    }
  }

  /** The source may take its time, or for ever, to know the caller. */
  private open(caller: StreamCaller, over: CancelSignal): Promise<SecretView> {
    return new Promise((resolve, reject) => {
      over.add({ cancel: () => reject(notReady('the caller is not known yet')) });
      Promise.resolve(this.source.open(caller, () => over)).then((view) => {
        if (over.isCancelled) view.close();
        else resolve(view);
      }, reject);
    });
  }

  private look<T>(view: SecretView, { names, signal: over }: Fetch, serialise: Serialise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let isAnswered = false;
      const look = (isLast: boolean): void => {
        if (isAnswered) return;
        const secrets = this.find(view, names);
        const absent = names.filter((name) => !secrets.some((secret) => secret.name === name));
        const isHopeless = absent.every((name) => view.isImpossible?.(name) === true);
        if (!isHopeless && !isLast) return;
        isAnswered = true;
        if (secrets.length > 0) resolve(serialise(secrets));
        else reject(isHopeless ? unknown(names) : notReady('the secret is not there yet'));
      };
      // It is called by those who change secrets, and they must not hear of its errors.
      const lookOrReject = (isLast: boolean): void => {
        try {
          look(isLast);
        } catch (error) {
          reject(error);
        }
      };
      view.subscribe({
        changed: () => lookOrReject(false),
        end: (reason) => reject(reason ?? notReady('the stream ended: open a new one')),
      });
      over.add({ cancel: () => lookOrReject(true) });
      if (!over.isCancelled) lookOrReject(false);
    });
  }

  private find(view: SecretView, names: readonly string[]): NamedSecret[] {
    const secrets: NamedSecret[] = [];
    for (const name of names) {
      const found = this.contents.of(name, view.secret(name));
      if (found !== undefined) secrets.push({ name, ...found });
    }
    return secrets;
  }
}

function unknown([name = '']: readonly string[]): IdentityError {
  return new IdentityError('ERR_SECRET_UNKNOWN', `secret ${quote(name)}: there is none of that name for this caller`);
}

function notReady(message: string): IdentityError {
  return new IdentityError('ERR_SVID_NOT_READY', message);
}

function afterTimeout(delayMs: number, act: () => void): () => void {
  const timer = setTimeout(act, delayMs);
  return () => clearTimeout(timer);
}
