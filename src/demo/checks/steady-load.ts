import { messageOf } from '../../errors/index.js';
import type { HttpClient } from '../kubernetes/http-client.js';

export interface LoadResult {
  readonly sent: number;
  /** What went wrong, and when: a status other than 200, or an error. */
  readonly failures: readonly string[];
}

/** Sends a request every so many milliseconds, whatever became of those before, until `stop`. */
export class SteadyLoad {
  private readonly failures: string[] = [];
  private readonly pending = new Set<Promise<void>>();
  private readonly timer: NodeJS.Timeout;
  #sent = 0;

  constructor(
    private readonly http: HttpClient,
    private readonly server: string,
    requestsPerSecond: number,
  ) {
    this.timer = setInterval(() => this.send(), 1000 / requestsPerSecond);
  }

  get sent(): number {
    return this.#sent;
  }

  /** Sends no more, and resolves when all answers are there. */
  async stop(): Promise<LoadResult> {
    clearInterval(this.timer);
    await Promise.all(this.pending);
    return { sent: this.#sent, failures: this.failures };
  }

  private send(): void {
    this.#sent += 1;
    const request = this.get().finally(() => this.pending.delete(request));
    this.pending.add(request);
  }

  private async get(): Promise<void> {
    try {
      const { status, body } = await this.http.get(this.server, '/status/200');
      // The proxy that refuses it says why.
      if (status !== 200) this.failed(`status ${status}: ${body}`);
    } catch (error) {
      this.failed(messageOf(error));
    }
  }

  private failed(why: string): void {
    this.failures.push(`${why}, at ${new Date().toISOString()}`);
  }
}
