import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Test } from 'tap';
import type { FloodTarget } from './flooded.js';

/** What a thread of flooders is to do. */
export interface FloodJob {
  /** Its place among those of `flood-steps.ts`. */
  readonly flood: number;
  readonly method: string;
  readonly target: FloodTarget;
}

/** What it tells. */
export type FloodNews =
  | { readonly kind: 'ready' }
  /** `codes`: of the GOAWAY that each of the flooders got, where they are to be ended. */
  | { readonly kind: 'over'; readonly codes: readonly (number | undefined)[] };

/** Flooders in a thread of their own, so that the CPU time of this one is the server's, and its garbage, too. */
export class Flooders {
  private readonly thread = new Worker(new URL('./flooder-thread.js', import.meta.url));

  constructor(t: Pick<Test, 'teardown'>) {
    this.thread.unref();
    t.teardown(() => this.thread.terminate());
  }

  /**
   * Resolves when they are connected, and have opened the streams that they need, with what lets them begin: it tells
   * how they ended.
   */
  async ready(job: FloodJob): Promise<() => Promise<readonly (number | undefined)[]>> {
    this.thread.postMessage(job);
    await this.news();
    return async () => {
      this.thread.postMessage('go');
      const news = await this.news();
      return news.kind === 'over' ? news.codes : [];
    };
  }

  /** Rejects with the error that has ended the thread. */
  private async news(): Promise<FloodNews> {
    this.thread.ref();
    const [news] = (await once(this.thread, 'message')) as [FloodNews];
    this.thread.unref();
    return news;
  }
}
