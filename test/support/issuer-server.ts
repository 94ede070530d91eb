import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { TestCa } from './test-ca.js';

/** A web server of an issuer of tokens, whose answers a test gives; closed after the test. */
export async function startIssuerServer(t: Test, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const ca = TestCa.root('issuer root');
  const { certPem, keyPem } = ca.server();
  const paths: string[] = [];
  const server = createServer({ cert: certPem, key: keyPem }, (request, response) => {
    paths.push(request.url ?? '');
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { origin: `https://127.0.0.1:${port}`, rootsPem: ca.certificatePem, paths, server };
}
