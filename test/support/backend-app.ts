import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { Test } from 'tap';

/**
 * The application behind a sidecar: answers `/` with its caller's identity, and never ends its answer to `/endless`.
 */
export class BackendApp {
  readonly #endless = new Set<ServerResponse>();

  private constructor(readonly socketPath: string) {}

  static async start(t: Test, socketPath: string): Promise<BackendApp> {
    const app = new BackendApp(socketPath);
    const server = createServer((request, response) => {
      if (request.url !== '/endless') {
        response.end(String(request.headers['x-forwarded-client-cert']));
        return;
      }
      app.#endless.add(response);
      response.write('first\n');
    });
    server.listen(socketPath);
    await once(server, 'listening');
    t.teardown(() => {
      server.close();
      server.closeAllConnections();
    });
    return app;
  }

  /** Writes one more line into each endless answer. */
  goOn(line: string): void {
    for (const response of this.#endless) response.write(`${line}\n`);
  }
}
