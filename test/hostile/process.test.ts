import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { NO_ADDON } from '../hotpath/implementations.js';
import { openSdsClient } from '../support/sds-client.js';
import { SecretHunt } from '../support/secret-hunt.js';
import { nextKey, serveAgents, takeKey } from './agent-process.js';
import { lacks } from './tools.js';

const timeout = 250_000;

t.test(
  'row 80: keys never touch a disk: no byte of one in any write to a file, or in any file',
  { timeout, skip: lacks('strace') },
  async (t) => {
    const agents = await serveAgents(t, { ttl: '6s' });
    const trace = join(agents.directory, 'trace');
    const wrapper = [
      'strace',
      // As a grandchild, so that a signal reaches the agent.
      '-D',
      '-f',
      '-qq',
      '-xx',
      '-s',
      '65536',
      '-yy',
      '-e',
      'trace=openat,creat,write,pwrite64,writev,mmap',
      '-o',
      trace,
    ];
    // As js: an agent that forbids tracing could not be traced.
    const agent = await agents.start({ wrapper, args: ['--hot-path', 'js', '--log-level', 'debug'] });
    const client = openSdsClient(t, agents.socket);
    const hunt = new SecretHunt();
    hunt.addPrivateKey('first key', await takeKey(client));
    for (const name of ['second key', 'third key']) hunt.addPrivateKey(name, await nextKey(client));
    const written = (await readFile(trace, 'latin1')).split('\n');
    const toFiles = written.filter((line) => /^\d+ +(write|pwrite64|writev)\(.*?<\//s.test(decodedTarget(line)));
    const opened = written.filter((line) => /openat\(/.test(line) && /O_WRONLY|O_RDWR|O_CREAT/.test(line));
    t.comment(`${written.length} calls, ${toFiles.length} writes to files, ${opened.length} files opened for writing`);
    t.ok(written.length > 100, 'it was traced');
    t.strictSame(hunt.findIn(toFiles.map(decoded).join('\n')), []);
    agent.kill('SIGTERM');
    await client.ended;
    const { err } = await agent.whole();
    await rm(trace);
    const files = await Promise.all(
      (await readdir(agents.directory))
        .filter((name) => name !== 's')
        .map((name) => readFile(join(agents.directory, name), 'latin1')),
    );
    t.strictSame(hunt.findIn(files.join('\n')), []);
    t.strictSame(hunt.findIn(err), []);
  },
);

/** A line of strace with its strings as they are. */
function decoded(line: string): string {
  return line.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** The line up to its first string: with the file that is written to. */
function decodedTarget(line: string): string {
  const [head = ''] = line.split('"');
  return decoded(head);
}

/** An agent with descriptors for ten of thirty newcomers, and what lifts that limit. */
async function outOfDescriptors(t: Test, hotPath: 'native' | 'js') {
  const agents = await serveAgents(t);
  // No room is kept here, so that it is the system that says no.
  const agent = await agents.start({ args: ['--hot-path', hotPath] });
  const victim = openSdsClient(t, agents.socket);
  await takeKey(victim);
  const limit = (soft: number) => {
    t.equal(spawnSync('prlimit', ['--pid', String(agent.pid), `--nofile=${soft}:20000`]).status, 0);
  };
  limit(readdirSync(`/proc/${agent.pid}/fd`).length + 10);
  const newcomers = Array.from({ length: 30 }, () => openSdsClient(t, agents.socket));
  for (const client of newcomers) client.request({ names: ['default'], nodeId: 'envoy' });
  t.match(await agent.says('"connection could not be accepted"'), /"error":"EMFILE"/);
  await victim.roundTrip();
  const saidAtMs = performance.now();
  /** Ends it: then all is there that it has said. */
  const saidOnce = async (): Promise<void> => {
    agent.kill('SIGTERM');
    const count = (await agent.whole()).err.split('could not be accepted').length - 1;
    // Once a minute, that is.
    t.ok(count <= 1 + (performance.now() - saidAtMs) / 60_000, `said ${count} times`);
  };
  return { socket: agents.socket, newcomers, lift: () => limit(10_000), saidOnce };
}

t.test(
  'row 70: an agent out of descriptors says so once, serves whom it has, and accepts again when there are some',
  { timeout, skip: NO_ADDON || lacks('prlimit') },
  async (t) => {
    const { newcomers, lift, saidOnce } = await outOfDescriptors(t, 'native');
    lift();
    await Promise.all(newcomers.map((client) => nextKey(client)));
    await saidOnce();
  },
);

t.test(
  'row 70: without the addon newcomers are turned away as long, and whoever comes back then is served',
  { timeout, skip: lacks('prlimit') },
  async (t) => {
    const { socket, newcomers, lift, saidOnce } = await outOfDescriptors(t, 'js');
    const answers = await Promise.allSettled(newcomers.map((client) => nextKey(client)));
    t.ok(
      answers.some(({ status }) => status === 'rejected'),
      'Node.js closes them itself',
    );
    lift();
    await Promise.all(newcomers.map(() => takeKey(openSdsClient(t, socket))));
    await saidOnce();
  },
);

t.test(
  'row 70: connections are bounded by the limit of open files, with some kept back',
  { timeout, skip: lacks('prlimit') },
  async (t) => {
    const agents = await serveAgents(t);
    const agent = await agents.start({ wrapper: ['prlimit', '--nofile=168:168'] });
    const victim = openSdsClient(t, agents.socket);
    await takeKey(victim);
    // Its ACK has been read: that is its proof.
    await victim.roundTrip();
    const clients = Array.from({ length: 60 }, () => openSdsClient(t, agents.socket));
    // Of those that ask nothing the idlest one makes room.
    await agent.says('"connection evicted for others"');
    await victim.roundTrip();
    for (const client of clients) client.cancel();
    agent.kill('SIGTERM');
    t.notMatch((await agent.whole()).err, /EMFILE/);
  },
);

t.test('row 70: a log on a full disk harms nobody', { timeout }, async (t) => {
  const agents = await serveAgents(t, { ttl: '6s' });
  const directory = agents.directory;
  // /dev/full is a disk without a byte left. (full(4))
  const agent = spawnDeaf(directory);
  t.teardown(() => agent.kill('SIGKILL'));
  await untilExists(agents.socket);
  const client = openSdsClient(t, agents.socket);
  const first = await takeKey(client);
  t.notSame(await nextKey(client), first, 'it rotates');
  agent.kill('SIGTERM');
  const [code] = await once(agent, 'exit');
  t.equal(code, 0);

  function spawnDeaf(cwd: string) {
    const [command = '', ...args] = agents.commandLine();
    return spawn('sh', ['-c', 'exec "$@" 2>/dev/full', 'sh', command, ...args], { cwd, stdio: 'ignore' });
  }
});

async function untilExists(path: string): Promise<void> {
  while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5));
}

t.test(
  'row 70: a socket in a place that cannot be written to is told at the start, with the reason',
  { timeout },
  async (t) => {
    const agents = await serveAgents(t);
    await writeFile(join(agents.directory, 'file'), '');
    for (const socket of ['/sys/none/s', join(agents.directory, 'file', 's')]) {
      await t.rejects(agents.start({ socket }), /ERR_SOCKET_INVALID/, socket);
    }
  },
);
