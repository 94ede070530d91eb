import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ProjectedVolume } from './projected-volume.js';
import type { TokenIssuer } from './token-issuer.js';

/** The audience that Istio's CA and ours expect. */
const AUDIENCE = 'istio-ca';

/** The kubelet replaces a token at 80 % of its life. */
const REFRESH_RATIO = 0.8;

export interface PodTokenOptions {
  readonly issuer: TokenIssuer;
  readonly volume: ProjectedVolume;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly ttlSeconds: number;
  /** Hears of a refresh that failed; the next one is tried in its time. */
  readonly onError: (error: unknown) => void;
}

/** Plays the kubelet's part for one pod: its token file, replaced before the token ends. */
export class PodToken {
  readonly #podUid = randomUUID();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: PodTokenOptions) {}

  /** Writes the first token; resolves when the file is there. `close` ends the refreshing. */
  async start(): Promise<void> {
    await this.refresh();
    this.#timer = setInterval(
      () => void this.refresh().catch(this.options.onError),
      this.options.ttlSeconds * REFRESH_RATIO * 1000,
    ).unref();
  }

  /** Replaces the token now. */
  async refresh(): Promise<void> {
    const { issuer, volume, namespace, serviceAccount, ttlSeconds } = this.options;
    const token = await issuer.mint({
      namespace,
      serviceAccount,
      podName: `${serviceAccount}-${this.#podUid.slice(0, 8)}`,
      podUid: this.#podUid,
      audience: AUDIENCE,
      ttlSeconds,
    });
    await volume.write(token);
  }

  /** The token as a workload reads it. */
  read(): Promise<string> {
    return readFile(this.options.volume.path, 'utf8');
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
