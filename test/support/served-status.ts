import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

/** A plain HTTP server on loopback that serves one text as `/status`; closed with the test. Its address. */
export async function serveStatus(t: Test, text: string, code = 200): Promise<string> {
  const server: Server = createServer((_request, response) => response.writeHead(code).end(text));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
