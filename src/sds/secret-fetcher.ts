import { IdentityError } from '../errors/index.js';
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
   * @throws IdentityError `ERR_REQUEST_INVALID`: nothing is asked for; `ERR_SECRET_UNKNOWN`: none of it can ever be;
   * `ERR_SVID_NOT_READY`: none of it is there yet; and why the source does not serve the caller.
   */
  async fetch(names: readonly string[], caller: StreamCaller, signal: AbortSignal): Promise<readonly NamedSecret[]> {
    if (names.length === 0) throw new IdentityError('ERR_REQUEST_INVALID', 'resource names: got none, expected one');
    const over = new AbortController();
    const stop = (): void => over.abort();
    const cancelTimer = this.after(WAIT_MS, stop);
    signal.addEventListener('abort', stop);
    try {
      const view = await this.open(caller, over.signal);
      try {
        return await this.look(view, names, over.signal);
      } finally {
        view.close();
      }
    } finally {
      cancelTimer();
      signal.removeEventListener('abort', stop);
    }
  }

  /** The source may take its time, or for ever, to know the caller. */
  private open(caller: StreamCaller, over: AbortSignal): Promise<SecretView> {
    return new Promise((resolve, reject) => {
      over.addEventListener('abort', () => reject(notReady('the caller is not known yet')), { once: true });
      Promise.resolve(this.source.open(caller, () => over)).then((view) => {
        if (over.aborted) view.close();
        else resolve(view);
      }, reject);
    });
  }

  private look(view: SecretView, names: readonly string[], over: AbortSignal): Promise<readonly NamedSecret[]> {
    return new Promise((resolve, reject) => {
      const look = (isLast: boolean): void => {
        const secrets = this.find(view, names);
        const absent = names.filter((name) => !secrets.some((secret) => secret.name === name));
        const isHopeless = absent.every((name) => view.isImpossible?.(name) === true);
        if (!isHopeless && !isLast) return;
        if (secrets.length > 0) resolve(secrets);
        else reject(isHopeless ? unknown(names) : notReady('the secret is not there yet'));
      };
      view.subscribe({
        changed: () => look(false),
        end: (reason) => reject(reason ?? notReady('the caller has to start anew')),
      });
      over.addEventListener('abort', () => look(true), { once: true });
      look(over.aborted);
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
