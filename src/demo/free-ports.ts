import { type AddressInfo, createServer, type Server } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections (Linux: from 32 768, others: from 49 152): one of those may
 * be taken again in the moment between our look and the start of the process that wants it, and for a long time.
 */
const FIRST_PORT = 20_000;
const PORT_COUNT = 10_000;

/** A machine on which so many of the ports are taken one after another has other troubles. */
const MAX_DRAWS = 200;

/**
 * Finds `count` free TCP ports on loopback. They are all held at once while they are drawn, so no two are the same;
 * after that another program may take one, which the process that wanted it then reports.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, hold));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function hold(): Promise<Server> {
  for (let draw = 1; ; draw += 1) {
    try {
      return await listen(FIRST_PORT + Math.floor(Math.random() * PORT_COUNT));
    } catch (error) {
      if (draw === MAX_DRAWS) throw error;
    }
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
