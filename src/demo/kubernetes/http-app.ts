import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createKeepAliveServer } from '../keep-alive-server.js';

/** A plain HTTP server on loopback that knows nothing of TLS: its sidecar does that. */
export interface HttpApp {
  close(): Promise<void>;
}

/** The part of httpbin that the demo needs: `/ip`, `/headers` and `/status/:code`. */
export async function startHttpbin(port: number): Promise<HttpApp> {
  const server = createKeepAliveServer(answer);
  await listen(server, port);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? '/', 'http://httpbin');
  const status = /^\/status\/([2-5]\d\d)$/.exec(pathname)?.[1];
  if (status !== undefined) response.writeHead(Number(status)).end();
  else if (pathname === '/ip')
    json(response, { origin: request.headers['x-forwarded-for'] ?? request.socket.remoteAddress });
  else if (pathname === '/headers') json(response, { headers: request.headers });
  else response.writeHead(404).end();
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(body, null, 2)}\n`);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
}
