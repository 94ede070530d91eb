import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { Test } from 'tap';
import { freePorts } from '../../src/demo/free-ports.js';
import { PATIENCE_MS } from './patience.js';
import { shortDir } from './short-dir.js';
import { Written } from './written.js';

const PROGRAM = process.env.POSTGRES_PATH ?? '';

/** Set-up has said what it costs. */
export const NO_POSTGRES: string | false = ['', 'none'].includes(PROGRAM) ? 'no PostgreSQL' : whyNotAsUser();

/** Far above what it takes on a busy machine. */
const START_PATIENCE_MS = PATIENCE_MS;

/** A real server with an empty database, ended with the test. */
export class Postgres {
  private process: ChildProcess | undefined;

  private constructor(
    private readonly directory: string,
    private readonly port: number,
  ) {}

  static async start(t: Test): Promise<Postgres> {
    const directory = join(shortDir(t), 'data');
    const [port = 0] = await freePorts(1);
    const [command, args] = asUser(join(dirname(PROGRAM), 'initdb'), [
      ...['-D', directory, '--auth=trust', '--username=citadel', '--no-sync', '--locale=C', '--encoding=UTF8'],
    ]);
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const server = new Postgres(directory, port);
    t.teardown(() => server.stop('SIGKILL'));
    await server.resume();
    return server;
  }

  get url(): string {
    return `postgresql://citadel@127.0.0.1:${this.port}/postgres`;
  }

  /** Resolves when it has ended; what it was told stays. */
  async stop(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
    const { process } = this;
    this.process = undefined;
    if (process === undefined) return;
    const ended = once(process, 'exit');
    // It waits for its own processes, which would be left behind by SIGKILL of the first.
    process.kill(signal === 'SIGKILL' ? 'SIGQUIT' : signal);
    await ended;
  }

  /** Resolves when it answers. */
  async resume(): Promise<void> {
    const settings = ['fsync=off', 'unix_socket_directories=', 'listen_addresses=127.0.0.1', `port=${this.port}`];
    const [command, args] = asUser(PROGRAM, ['-D', this.directory, ...settings.flatMap((one) => ['-c', one])]);
    const server = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.process = server;
    const log = new Written(server.stderr, 'PostgreSQL');
    const until = Date.now() + START_PATIENCE_MS;
    while (!(await this.query('SELECT 1').catch(() => undefined))) {
      if (server.exitCode !== null || Date.now() > until) throw log.failure('it does not answer');
      await sleep(50);
    }
  }

  /** The rows that a statement gives, by a connection of its own. */
  async query(statement: string): Promise<readonly Record<string, unknown>[]> {
    const client = new Client({ connectionString: this.url });
    await client.connect();
    try {
      return (await client.query(statement)).rows;
    } finally {
      await client.end();
    }
  }
}

/** Containers without rights have no name spaces of users. */
function whyNotAsUser(): string | false {
  const [command, args] = asUser('true', []);
  return spawnSync(command, args).status === 0 ? false : `PostgreSQL refuses to run as root, and ${command} fails here`;
}

/** It refuses to run as root: there, as a user of a name space in which root has another number. */
function asUser(program: string, args: readonly string[]): [string, string[]] {
  return process.geteuid?.() === 0
    ? ['unshare', ['--user', '--map-user=1000', '--map-group=1000', program, ...args]]
    : [program, [...args]];
}
