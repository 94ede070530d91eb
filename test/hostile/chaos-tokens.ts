import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { shortDir } from '../support/short-dir.js';
import { TokenIssuer } from '../support/test-tokens.js';

const issuer = new TokenIssuer();

/** The identity that a token stands for; `undefined` for what is none, or has expired. */
export function spiffeIdOf(authorization: string): string | undefined {
  const claims = Buffer.from(authorization.split('.')[1] ?? '', 'base64url').toString();
  if (!claims.endsWith('}')) return undefined;
  const { sub, exp } = JSON.parse(claims);
  const [, , namespace, account] = sub.split(':');
  return exp * 1000 > Date.now() ? `spiffe://cluster.local/ns/${namespace}/sa/${account}` : undefined;
}

/** The token of a pod as a stream finds it that is opened; another one each `everyMs`. */
export class PodToken {
  #token = '';
  #writtenAtMs = 0;

  /** Of a pod that is named as its account is. */
  constructor(
    private readonly account: string,
    private readonly options: { readonly lifeSeconds: number; readonly everyMs: number },
  ) {}

  /** As it is now, and whether nobody has seen it before. */
  async read(): Promise<{ readonly token: string; readonly isNew: boolean }> {
    const { account, options } = this;
    if (Date.now() < this.#writtenAtMs + options.everyMs) return { token: this.#token, isNew: false };
    this.#writtenAtMs = Date.now();
    const claims = issuer.claims('foo', account);
    this.#token = await issuer.sign({
      ...claims,
      exp: Number(claims.iat) + options.lifeSeconds,
      'kubernetes.io': { namespace: 'foo', serviceaccount: { name: account }, pod: { name: account, uid: account } },
    });
    return { token: this.#token, isNew: true };
  }
}

/** What may go wrong with the token files of a kubelet, until they are written again. */
export const TOKEN_FAULTS = ['have expired', 'are gone', 'are halves'] as const;

type TokenFault = (typeof TOKEN_FAULTS)[number];

/** Keeps the token files of sidecars. */
export class Kubelet {
  readonly #files: { readonly account: string; readonly path: string }[] = [];
  #fault: TokenFault | undefined;
  #writing = Promise.resolve();

  constructor(private readonly t: Test) {}

  /** The options of an agent with a token of this account. */
  async flagsFor(account: string): Promise<Record<string, string>> {
    const path = join(shortDir(this.t), 'token');
    this.#files.push({ account, path });
    await this.writeTokens();
    return { namespace: 'foo', 'service-account': account, 'token-file': path };
  }

  /** Writes new ones, or wrong ones while something is wrong. Calls wait for one another. */
  writeTokens(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      for (const { account, path } of this.#files) await this.#write(account, path);
    });
    return this.#writing;
  }

  /** Goes wrong in this way; `undefined`: all is well again. */
  break(fault: TokenFault | undefined): Promise<void> {
    this.#fault = fault;
    return this.writeTokens();
  }

  async #write(account: string, path: string): Promise<void> {
    const claims = issuer.claims('foo', account);
    const exp = Number(claims.exp) - (this.#fault === 'have expired' ? 7200 : 0);
    const token = await issuer.sign({ ...claims, exp });
    if (this.#fault === 'are gone') rmSync(path, { force: true });
    else writeFileSync(path, this.#fault === 'are halves' ? token.slice(0, token.length / 2) : token);
  }
}
