import { Agent, type IncomingHttpHeaders, request } from 'node:http';

/** A request that takes longer counts as failed: more than the 15 s after which a sidecar itself answers 504. */
const TIMEOUT_MS = 20_000;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What the app `sleep` does: plain HTTP to its own sidecar, which finds the peer by the Host header. */
export class HttpClient {
  private readonly agent = new Agent({ keepAlive: true });

  constructor(private readonly port: number) {}

  /** @throws Error when no answer came: refused, reset or after twenty seconds. */
  get(host: string, path: string): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: this.port, path, headers: { host }, agent: this.agent, timeout: TIMEOUT_MS },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const { statusCode = 0, headers } = response;
            resolve({ status: statusCode, headers, body: Buffer.concat(chunks).toString('utf8') });
          });
        },
      );
      sent.on('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      sent.on('error', reject);
      sent.end();
    });
  }

  close(): void {
    this.agent.destroy();
  }
}
