import { createServer, type Socket } from 'node:net';

/** Hands on the sockets that connect to `path`, paused, for a server of grpc-js. */
export async function listenSockets(
  path: string,
  onSocket: (socket: Socket) => void,
): Promise<{ close(): Promise<void> }> {
  const server = createServer({ pauseOnConnect: true }, onSocket);
  await new Promise<void>((resolve) => server.listen({ path, backlog: 4096 }, resolve));
  return {
    async close() {
      server.close();
    },
  };
}
