import { type ClientRequest, createServer, type IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';

/** Clients with one connection each that they keep, and clients with a new one for each request. */
const KEPT_CLIENTS = 16;
const FRESH_CLIENTS = 2;

/** Answers that never end, as those of watches and event streams. */
const ENDLESS = 20;

/** Between two requests of one client. */
const PAUSE_MS = 50;

/** Between two pieces of an answer that never ends. */
const PIECE_MS = 200;

/** Serves `/` at once and `/endless` for ever, on a Unix socket. Resolves with what ends it. */
export async function startApp(path: string): Promise<() => void> {
  const server = createServer((asked, response) => {
    if (asked.url !== '/endless') return response.end('ok');
    const timer = setInterval(() => response.write('.'), PIECE_MS);
    response.on('close', () => clearInterval(timer));
    return response.write('.');
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return () => {
    server.close();
    server.closeAllConnections();
  };
}

/** What the clients of a server saw. */
export interface Seen {
  /** Milliseconds of each request. */
  readonly kept: number[];
  readonly fresh: number[];
  /** Requests without an answer, or with another status than 200. */
  failed: number;
  /** Answers that never end, and did. */
  cut: number;
}

/** Clients of the same kind and number, whoever serves, until {@link stop}. */
export class MixedLoad {
  readonly seen: Seen = { kept: [], fresh: [], failed: 0, cut: 0 };
  readonly #tls: ConnectionOptions & { port: number };
  readonly #loops: Promise<void>[] = [];
  readonly #endless = new Set<ClientRequest>();
  #isOver = false;

  constructor(tls: ConnectionOptions & { port: number }) {
    this.#tls = tls;
    for (let at = 0; at < KEPT_CLIENTS; at += 1) {
      this.#loops.push(this.#ask(this.seen.kept, new Agent({ keepAlive: true, maxSockets: 1 })));
    }
    for (let at = 0; at < FRESH_CLIENTS; at += 1) this.#loops.push(this.#ask(this.seen.fresh, false));
    for (let at = 0; at < ENDLESS; at += 1) this.#openEndless();
  }

  async stop(): Promise<Seen> {
    this.#isOver = true;
    for (const one of this.#endless) one.destroy();
    await Promise.all(this.#loops);
    return this.seen;
  }

  async #ask(times: number[], agent: Agent | false): Promise<void> {
    while (!this.#isOver) {
      const startedAt = performance.now();
      if (await this.#once(agent)) times.push(performance.now() - startedAt);
      else this.seen.failed += 1;
      await sleep(PAUSE_MS);
    }
    if (agent !== false) agent.destroy();
  }

  #once(agent: Agent | false): Promise<boolean> {
    return new Promise((resolve) => {
      const sent = this.#request('/', agent, (response) => {
        response.resume().on('end', () => resolve(response.statusCode === 200));
        response.on('error', () => resolve(false));
      });
      sent.on('error', () => resolve(false));
    });
  }

  #openEndless(): void {
    if (this.#isOver) return;
    const sent = this.#request('/endless', false, (response) => {
      response.resume().on('error', () => {});
    });
    this.#endless.add(sent);
    sent.on('error', () => {});
    sent.on('close', () => {
      this.#endless.delete(sent);
      if (this.#isOver) return;
      this.seen.cut += 1;
      setTimeout(() => this.#openEndless(), PAUSE_MS);
    });
  }

  #request(path: string, agent: Agent | false, onResponse: (response: IncomingMessage) => void): ClientRequest {
    return request({ ...this.#tls, host: '127.0.0.1', path, agent }, onResponse).end();
  }
}
