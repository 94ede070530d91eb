import { createServer, type Server } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections (Linux: from 32 768, others: from 49 152): one of those may
 * be taken again in the moment between our look and the start of the process that wants it, and for a long time.
 */
const FIRST_PORT = 20_000;
const BLOCKS = 250;
const BLOCK_PORTS = 40;

/** A machine on which so many of the blocks are taken one after another has other troubles. */
const MAX_DRAWS = 200;

/**
 * Ports that this process alone gives out for as long as it lives, since it listens on the first of them. Looking
 * whether a port is free would not do: two Envoys that are told the same one share it without a word (SO_REUSEPORT).
 */
interface Block {
  readonly end: number;
  next: number;
}

let block: Block = { next: 0, end: 0 };

/**
 * Finds `count` free TCP ports on loopback. None is ever given out twice, neither by this process nor by another one
 * that asks here while this one lives. A program that draws its ports in another way may take one, which the process
 * that wanted it then reports.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    if (block.next === block.end) block = await claimBlock();
    const port = block.next;
    block.next += 1;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

async function claimBlock(): Promise<Block> {
  for (let draw = 1; ; draw += 1) {
    const first = FIRST_PORT + BLOCK_PORTS * Math.floor(Math.random() * BLOCKS);
    try {
      (await listen(first)).unref();
      return { next: first + 1, end: first + BLOCK_PORTS };
    } catch (error) {
      if (draw === MAX_DRAWS) throw error;
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  try {
    const server = await listen(port);
    await new Promise((resolve) => server.close(resolve));
    return true;
  } catch {
    return false;
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
