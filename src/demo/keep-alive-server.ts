import { createServer, type RequestListener, type Server } from 'node:http';

/** Longer than the hour after which Envoy gives up an idle connection. */
const IDLE_MS = 2 * 3600 * 1000;

/**
 * A plain HTTP server that is never the first to close an idle connection. One of Node.js does so after six seconds,
 * and a client that sends the next request in that very moment gets a reset for an answer.
 */
export function createKeepAliveServer(listener: RequestListener): Server {
  const server = createServer(listener);
  server.keepAliveTimeout = IDLE_MS;
  return server;
}
