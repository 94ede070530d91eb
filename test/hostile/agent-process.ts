import { writeFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { startCitadel } from '../support/citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { UNBUNDLED_SIDECERT } from '../support/mesh.js';
import { openSdsClient, type SdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { SidecertProcess } from '../support/sidecert-process.js';

const hotPath = openHotPath();

interface AgentProcessOptions {
  /** More of the command line. */
  readonly args?: readonly string[];
  /** Program and arguments to run the agent by: `strace`, `prlimit`, a shell. */
  readonly wrapper?: readonly string[];
  /** What runs it, when that is not the unbundled program. */
  readonly sidecert?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Text on stderr that says that it serves; `undefined` where that goes elsewhere. */
  readonly readyText?: string | undefined;
  /** Where the socket is; beside the token without it. */
  readonly socket?: string;
}

export type AgentProcesses = Awaited<ReturnType<typeof serveAgents>>;

/** A Citadel in this process, and what starts agents of their own process that ask it. */
export async function serveAgents(t: Test, { ttl = '24h' } = {}) {
  const citadel = await startCitadel(t, hotPath);
  const directory = shortDir(t);
  const [rootFile, tokenFile] = [join(directory, 'root.pem'), join(directory, 'token')];
  writeFileSync(rootFile, citadel.rootPem);
  const renewToken = async (): Promise<void> => {
    await writeFile(`${tokenFile}.new`, await citadel.issuer.token());
    await rename(`${tokenFile}.new`, tokenFile);
  };
  await renewToken();
  const argsFor = (socket: string, more: readonly string[]): string[] => [
    ...['agent', '--socket', socket, '--ca-address', citadel.address, '--ca-root', rootFile, '--ttl', ttl],
    ...['--token-file', tokenFile, '--namespace', 'foo', '--service-account', 'sleep', ...more],
  ];
  const socket = join(directory, 's');
  return {
    directory,
    socket,
    /** Puts a new token into the place of the old one, as the kubelet does: one is good for an hour. */
    renewToken,
    /** What starts one. */
    commandLine: (): string[] => [...UNBUNDLED_SIDECERT, ...argsFor(socket, [])],
    /** Starts one, and waits until it serves. */
    async start(options: AgentProcessOptions = {}) {
      const { args = [], wrapper = [], socket: path = socket, sidecert = UNBUNDLED_SIDECERT, env = {} } = options;
      const { readyText } = { readyText: '"agent ready"', ...options };
      const agent = new SidecertProcess(t, argsFor(path, args), { sidecert: [...wrapper, ...sidecert], env });
      if (readyText !== undefined) await agent.says(readyText);
      return agent;
    },
  };
}

/** Takes the certificate of a stream, and ACKs it: its serial number is what tells one from another. */
export async function takeKey(client: SdsClient, names: readonly string[] = ['default']): Promise<Buffer> {
  client.request({ names, nodeId: 'envoy' });
  return nextKey(client);
}

/** The same with the next one that is pushed. */
export async function nextKey(client: SdsClient): Promise<Buffer> {
  const response = await client.expectResponse();
  client.ack(response);
  return Buffer.from(response.secrets[0]?.tlsCertificate?.privateKey?.inlineBytes ?? []);
}

/** An Envoy that comes back when its stream has ended, and counts how often. */
export class ReturningEnvoy {
  returns = 0;
  #client: SdsClient;
  #isOver = false;
  readonly #waiters: (() => void)[] = [];
  readonly #over: Promise<void>;

  private constructor(
    private readonly t: Test,
    private readonly path: string,
    client: SdsClient,
  ) {
    this.#client = client;
    this.#over = this.#follow();
  }

  static async connect(t: Test, path: string): Promise<ReturningEnvoy> {
    const client = openSdsClient(t, path);
    await takeKey(client);
    return new ReturningEnvoy(t, path, client);
  }

  /** Resolves when it has come back for the first time, and has a secret again. */
  async returned(): Promise<void> {
    if (this.returns === 0) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  async leave(): Promise<void> {
    this.#isOver = true;
    this.#client.cancel();
    await this.#over;
  }

  async #follow(): Promise<void> {
    for (;;) {
      await this.#client.ended;
      if (this.#isOver) return;
      this.#client = openSdsClient(this.t, this.path);
      await takeKey(this.#client);
      this.returns += 1;
      for (const wake of this.#waiters.splice(0)) wake();
    }
  }
}
