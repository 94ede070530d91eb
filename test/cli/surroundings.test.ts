import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { COVERED_SIDECERT } from '../support/mesh.js';
import { openSdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

const timeout = 250_000;
t.setTimeout(timeout);
const isRoot = process.getuid?.() === 0;
const hasTool = (tool: string): boolean => spawnSync(tool, ['--version'], { stdio: 'ignore' }).error === undefined;
const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
/** Of another user where root runs the tests: root may do anything with any file. */
const asUser = isRoot && hasTool('setpriv') ? NOBODY : [];
const canMount = isRoot && hasTool('unshare');

/**
 * The command line of an agent whose CA is away, or of a Citadel, with all of its files in a directory that is
 * anybody's.
 */
function commandOf(t: Test, command: 'agent' | 'citadel') {
  const directory = shortDir(t);
  // As sticky as /tmp.
  spawnSync('chmod', ['1777', directory]);
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const issuer = new TokenIssuer();
  const socket = join(directory, 'made', 's');
  const args = {
    agent: [
      ...['--socket', socket, '--ca-address', '127.0.0.1:1', '--ca-root', file('root', TestCa.root().certificatePem)],
      ...['--token-file', file('token', ''), '--namespace', 'foo', '--service-account', 'sleep'],
    ],
    citadel: [
      ...['--listen', '127.0.0.1:0', '--jwks', file('jwks', JSON.stringify(issuer.jwks))],
      ...[
        '--token-issuer',
        issuer.issuer,
        '--ca-dir',
        join(directory, 'ca'),
        '--root-cert-out',
        join(directory, 'out'),
      ],
    ],
  };
  return { directory, socket, args: [command, ...args[command]] };
}

/**
 * Starts it through a shell that prepares its surroundings, and waits for its ready line. Without what the test runner
 * puts into each Node.js: that needs a working directory, and writes files of its own.
 */
async function startIn(t: Test, command: 'agent' | 'citadel', preparation: string, wrapper: readonly string[] = []) {
  const { args, ...places } = commandOf(t, command);
  const shell = [...wrapper, 'sh', '-c', `unset NODE_OPTIONS; ${preparation}; exec "$@"`, places.directory];
  const running = new SidecertProcess(t, args, { sidecert: [...shell, ...COVERED_SIDECERT] });
  await running.says(`"${command} ready"`);
  return { ...places, running };
}

const surroundings = [
  { name: 'a umask that takes all from everybody', preparation: 'umask 0777', wrapper: asUser },
  {
    name: 'a working directory that has been removed',
    preparation: 'mkdir "$0/gone" && cd "$0/gone" && rmdir "$0/gone"',
  },
  { name: 'a working directory that may not be looked at', preparation: 'cd /root 2>/dev/null; true', wrapper: asUser },
  { name: 'no HOME, TMPDIR or anything else but a path', preparation: 'unset HOME TMPDIR USER LANG' },
  { name: 'closed stdin and stdout', preparation: 'exec <&- >&-' },
  ...(canMount
    ? [
        { name: 'no /proc', preparation: 'mount -t tmpfs none /proc', wrapper: ['unshare', '-m'] },
        { name: 'nothing in /dev/shm', preparation: 'mount -t tmpfs -o ro none /dev/shm', wrapper: ['unshare', '-m'] },
        {
          name: 'file systems that can only be read, but for its own directory',
          preparation: 'mount --bind "$0" "$0" && mount -o remount,ro,bind / && mount -o remount,rw,bind "$0"',
          wrapper: ['unshare', '-m'],
        },
      ]
    : []),
];
for (const { name, preparation, wrapper = [] } of surroundings) {
  for (const command of ['agent', 'citadel'] as const) {
    t.test(`${command} works with ${name}`, { timeout }, async (t) => {
      const { running, socket } = await startIn(t, command, preparation, wrapper);
      if (command === 'agent') {
        const envoy = openSdsClient(t, socket);
        envoy.request({ names: ['default'] });
        await envoy.expectSilence();
      }
      running.kill('SIGTERM');
      const { code, err } = await running.whole();
      t.equal(code, 0, err);
    });
  }
}

t.test('a umask takes nothing from the owner of files, and from others what it says', { timeout }, async (t) => {
  const { directory } = await startIn(t, 'citadel', 'umask 0737');
  t.equal(statSync(join(directory, 'ca', 'ca-key.pem')).mode & 0o777, 0o600);
  t.equal(statSync(join(directory, 'out')).mode & 0o777, 0o640);
});

t.test('an agent serves with stdin, stdout and stderr closed, and ends cleanly', { timeout }, async (t) => {
  const { args, socket } = commandOf(t, 'agent');
  const [command = '', ...leading] = [...COVERED_SIDECERT, ...args];
  const agent = spawn('sh', ['-c', 'exec "$@" <&- >&- 2>&-', 'sh', command, ...leading], { stdio: 'ignore' });
  t.teardown(() => agent.kill('SIGKILL'));
  while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 5));
  openSdsClient(t, socket).request({ names: ['default'] });
  agent.kill('SIGTERM');
  t.strictSame(await once(agent, 'close'), [0, null]);
});

t.test('few open files are said at the start', { timeout, skip: !hasTool('prlimit') && 'no prlimit' }, async (t) => {
  const { running } = await startIn(t, 'agent', 'ulimit -n 200');
  await running.says('"limit of open files leaves room for few connections","connections":72');
});

for (const where of ['/proc/none', '/sys/none', '/dev/null/none']) {
  t.test(`a directory that cannot be made, ${where}, ends the start`, { timeout }, async (t) => {
    const withPlace = (command: 'agent' | 'citadel', flag: string, path: string): string[] => {
      const { args } = commandOf(t, command);
      return args.map((arg, at) => (args[at - 1] === flag ? path : arg));
    };
    const sidecert = COVERED_SIDECERT;
    const citadel = await runSidecert(t, withPlace('citadel', '--ca-dir', where), { sidecert });
    t.match(citadel, { code: 1, err: new RegExp(`ERR_SIGNER_INVALID: CA directory ${where}`) });
    const agent = await runSidecert(t, withPlace('agent', '--socket', `${where}/s`), { sidecert });
    t.match(agent, { code: 1, err: new RegExp(`ERR_SOCKET_INVALID: socket directory ${where}`) });
  });
}

t.test('threads start again when the working directory had been removed', async (t) => {
  const module = JSON.stringify(new URL('../../src/cli/prepare-process.js', import.meta.url).href);
  const program = `
    import { Worker } from 'node:worker_threads';
    import { mkdirSync, rmdirSync } from 'node:fs';
    import { prepareProcess } from ${module};
    const startThread = () => new Promise((resolve) => {
      new Worker('', { eval: true }).on('error', ({ code }) => resolve(code)).on('online', () => resolve('online'));
    });
    mkdirSync('gone');
    process.chdir('gone');
    prepareProcess();
    const before = process.cwd();
    rmdirSync('../gone');
    const broken = await startThread();
    prepareProcess();
    const left = process.cwd();
    console.log(JSON.stringify({ before, broken, left, mended: await startThread() }));`;
  const cwd = realpathSync(shortDir(t));
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { cwd, encoding: 'utf8' });
  const before = join(cwd, 'gone');
  t.strictSame(JSON.parse(stdout), { before, broken: 'ENOENT', left: '/', mended: 'online' });
});

t.test('an error of the system is told without a stack', async (t) => {
  const demo = await runSidecert(t, ['demo', '--once'], { env: { TMPDIR: '/dev/null' }, sidecert: COVERED_SIDECERT });
  t.match(demo, { code: 1, err: /^sidecert demo: ENOTDIR: [^\n]*\n$/ });
});
