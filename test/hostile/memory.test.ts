import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { NO_ADDON } from '../hotpath/implementations.js';
import { authorityDirectory } from '../support/authority-files.js';
import { SIDECERT, UNBUNDLED_SIDECERT } from '../support/mesh.js';
import { openSdsClient } from '../support/sds-client.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';
import { Written } from '../support/written.js';
import { serveAgents, takeKey } from './agent-process.js';
import { lacks } from './tools.js';

const timeout = 250_000;
t.setTimeout(timeout);
const isRoot = process.getuid?.() === 0;
const NATIVE = ['--hot-path', 'native'];

t.test('row 78: a crash of an agent leaves no core file', { timeout, skip: NO_ADDON }, async (t) => {
  const agents = await serveAgents(t);
  // As much as it may: the process itself must not be one that is dumped.
  const wrapper = ['sh', '-c', 'ulimit -c unlimited && cd "$0" && exec "$@"', agents.directory];
  const agent = await agents.start({ wrapper, args: NATIVE });
  await takeKey(openSdsClient(t, agents.socket));
  agent.kill('SIGSEGV');
  t.equal(await agent.ended, 'SIGSEGV');
  t.same((await readdir(agents.directory)).sort(), ['root.pem', 's', 'token']);
});

t.test(
  'row 78: a debugger of the same user is refused',
  { timeout, skip: NO_ADDON || lacks('gdb') || (isRoot && lacks('setpriv')) },
  async (t) => {
    const agents = await serveAgents(t);
    const agent = await agents.start({ args: NATIVE });
    // Root, too, without its privileges: the files of a process that is not dumpable are not its user's.
    const user = isRoot ? ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all'] : ['env'];
    const [command = '', ...args] = [...user, 'gdb', '-p', String(agent.pid), '-batch', '-ex', 'info registers'];
    const { stderr, stdout } = spawnSync(command, args, { encoding: 'utf8' });
    t.match(stderr, /not permitted/);
    t.notMatch(stdout, /rip/);
    await takeKey(openSdsClient(t, agents.socket));
  },
);

for (const command of ['agent', 'citadel'] as const) {
  t.test(
    `row 78: ${command} closes its memory before it reads the first key or token`,
    { timeout, skip: NO_ADDON || lacks('strace') },
    async (t) => {
      const { calls, secret } = await tracedStart(t, command);
      const at = (pattern: RegExp): number => calls.findIndex((line) => pattern.test(line));
      const read = at(new RegExp(`openat\\(.*${secret}`));
      t.ok(read > 0, 'it is read');
      for (const closing of [
        /"\/proc\/self\/coredump_filter"/,
        /PR_SET_DUMPABLE, SUID_DUMP_DISABLE/,
        /RLIMIT_CORE, \{rlim_cur=0/,
      ]) {
        t.ok(at(closing) >= 0 && at(closing) < read, `${closing}`);
      }
    },
  );
}

/** The calls of a command up to its ready line, and the name of a file that it reads a secret from. */
async function tracedStart(t: Test, command: 'agent' | 'citadel') {
  const agents = await serveAgents(t);
  const trace = join(agents.directory, 'trace');
  const wrapper = ['strace', '-D', '-f', '-qq', '-e', 'trace=openat,prctl,prlimit64,setrlimit', '-o', trace];
  if (command === 'agent') {
    await agents.start({ wrapper, args: NATIVE });
    return { calls: (await readFile(trace, 'latin1')).split('\n'), secret: '/token"' };
  }
  const ca = TestCa.root();
  const issuer = new TokenIssuer();
  const jwks = join(agents.directory, 'jwks.json');
  await writeFile(jwks, JSON.stringify(issuer.jwks));
  const directory = authorityDirectory(t, { signer: ca, roots: [ca] });
  const citadel = new SidecertProcess(
    t,
    [
      ...['citadel', '--listen', '127.0.0.1:0', '--ca-dir', directory, '--jwks', jwks],
      ...['--token-issuer', issuer.issuer, ...NATIVE],
    ],
    { sidecert: [...wrapper, ...UNBUNDLED_SIDECERT] },
  );
  await citadel.says('"citadel ready"');
  return { calls: (await readFile(trace, 'latin1')).split('\n'), secret: 'ca-key.pem"' };
}

t.test('row 78: SIGUSR1 opens no inspector', { timeout }, async (t) => {
  const agents = await serveAgents(t);
  const agent = await agents.start();
  agent.kill('SIGUSR1');
  await takeKey(openSdsClient(t, agents.socket));
  t.same(await listeningPorts(agent.pid), []);
  agent.kill('SIGTERM');
  t.notMatch((await agent.whole()).err, /Debugger listening/);
});

/** An agent as it ships, up to its ready line, or to its end: `onStart` gets it when it has just been started. */
async function startEarly(t: Test, commandLine: readonly string[], onStart: (agent: ChildProcess) => void) {
  const [command = '', , ...args] = commandLine;
  const agent = spawn(command, [SIDECERT[1] ?? '', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.teardown(() => agent.kill('SIGKILL'));
  const log = new Written(agent.stderr, 'the agent');
  const ended = once(agent, 'close');
  onStart(agent);
  const outcome = await log.line('"agent ready"').then(
    () => 'served' as const,
    () => 'ended' as const,
  );
  return { agent, ended, outcome, log };
}

/** Sent at the signal's worst: never does an agent go on with an inspector. Says how it ended, if it did. */
async function surviveEarly(
  t: Test,
  { agent, ended, outcome, log }: Awaited<ReturnType<typeof startEarly>>,
): Promise<'killed' | 'refused' | 'served'> {
  if (outcome === 'served') {
    t.same(await listeningPorts(agent.pid ?? 0), []);
    agent.kill('SIGTERM');
    await ended;
    t.notMatch(await log.whole(), /Debugger listening/);
    t.equal(agent.exitCode, 0);
    return 'served';
  }
  await ended;
  if (agent.signalCode === 'SIGUSR1') return 'killed';
  t.equal(agent.exitCode, 1);
  t.match(await log.whole(), /ERR_CONFIG_INVALID: (inspector of Node.js|node options): got an open/);
  return 'refused';
}

t.test('row 78: SIGUSR1 opens no inspector, however early it comes', { timeout }, async (t) => {
  const agents = await serveAgents(t);
  const startedAtMs = performance.now();
  await surviveEarly(t, await startEarly(t, agents.commandLine(), () => {}));
  const startMs = performance.now() - startedAtMs;
  const ends: string[] = [];
  const STEPS = 30;
  for (let step = 0; step < STEPS; step += 1) {
    let sent: Promise<unknown> | undefined;
    const agent = await startEarly(t, agents.commandLine(), (agent) => {
      sent = delay((startMs * step) / STEPS).then(() => agent.kill('SIGUSR1'));
    });
    await sent;
    ends.push(await surviveEarly(t, agent));
  }
  t.comment(`one signal each over ${Math.round(startMs)} ms: ${ends.join(' ')}`);
});

t.test('row 78: SIGUSR1 opens no inspector, however often it comes', { timeout }, async (t) => {
  const agents = await serveAgents(t);
  for (let turn = 0; turn < 5; turn += 1) {
    let stop = (): void => {};
    const agent = await startEarly(t, agents.commandLine(), (agent) => {
      const again = setInterval(() => agent.kill('SIGUSR1'));
      stop = () => clearInterval(again);
    });
    stop();
    t.comment(await surviveEarly(t, agent));
  }
});

/** The TCP ports that a process listens on. (proc_pid_net(5)) */
async function listeningPorts(pid: number): Promise<string[]> {
  const sockets = new Set<string>();
  for (const descriptor of await readdir(`/proc/${pid}/fd`)) {
    // One that has been closed meanwhile listens on nothing.
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
    const [, inode] = /^socket:\[(\d+)\]$/.exec(target) ?? [];
    if (inode !== undefined) sockets.add(inode);
  }
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => '')),
  );
  const rows = tables.flatMap((table) =>
    table
      .split('\n')
      .slice(1)
      .map((row) => row.trim().split(/\s+/)),
  );
  const LISTEN = '0A';
  return rows.filter((row) => row[3] === LISTEN && sockets.has(row[9] ?? '')).map((row) => row[1] ?? '');
}
