import { plainSerial } from '../../text/index.js';
import { HttpClient } from '../kubernetes/http-client.js';
import { until } from '../polling.js';
import type { SupervisedProcess } from '../processes/supervised-process.js';
import type { Sidecar, SidecarStatus } from './sidecar.js';

/**
 * The arguments of an Envoy that shares the machine with others: no hot restart (it would need a base id), one thread.
 */
export function envoyArgs(configFile: string): string[] {
  return ['-c', configFile, '--disable-hot-restart', '--concurrency', '1', '-l', 'warning'];
}

/** A real Envoy, seen through its admin pages. */
export class EnvoySidecar implements Sidecar {
  readonly #admin: HttpClient;

  constructor(
    readonly name: string,
    adminPort: number,
    private readonly process: SupervisedProcess,
  ) {
    this.#admin = new HttpClient(adminPort);
  }

  async ready(signal: AbortSignal): Promise<void> {
    await until(`${this.name}: Envoy ready`, signal, async () => {
      const { status } = await this.#admin.get('localhost', '/ready');
      return status === 200 ? true : undefined;
    });
    await until(`${this.name}: first certificate`, signal, async () => (await this.#serial()) || undefined);
  }

  async status(): Promise<SidecarStatus> {
    const { stats } = JSON.parse(await this.#page('/stats?filter=^server.uptime$&format=json'));
    return { pid: this.process.pid ?? 0, uptimeSeconds: numberIn(stats), serial: await this.#serial() };
  }

  async refusedBySan(): Promise<number> {
    const { stats } = JSON.parse(await this.#page('/stats?filter=^listener.*ssl.fail_verify_san$&format=json'));
    return numberIn(stats);
  }

  async close(): Promise<void> {
    this.#admin.close();
    await this.process.stop();
  }

  /** Of the leaf that Envoy holds now; empty while it holds none. */
  async #serial(): Promise<string> {
    const { certificates } = JSON.parse(await this.#page('/certs'));
    const serial: unknown = certificates?.[0]?.cert_chain?.[0]?.serial_number;
    return typeof serial === 'string' ? plainSerial(serial) : '';
  }

  async #page(path: string): Promise<string> {
    const { status, body } = await this.#admin.get('localhost', path);
    if (status !== 200) throw new Error(`${this.name}: admin page ${path} answered ${status}, expected 200`);
    return body;
  }
}

/** The sum of the counters and gauges of a `/stats?format=json`; 0 when there are none. */
function numberIn(stats: { value?: unknown }[]): number {
  return stats.reduce((sum, { value }) => (typeof value === 'number' ? sum + value : sum), 0);
}
