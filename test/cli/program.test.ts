import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { VERSION } from '../../src/app/index.js';
import { shortDir } from '../support/short-dir.js';

/** build/test/cli/ → the project. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PROGRAM = join(ROOT, 'dist', 'sidecert.js');

/** The program as it ships, to its end. */
async function run(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => {
    out += text;
  });
  child.stderr.on('data', (text) => {
    err += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

/** An agent without a CA behind it, started up to its ready line. */
async function startAgent(t: Test, socket: string) {
  const child = spawn(
    process.execPath,
    [
      ...[PROGRAM, 'agent', '--socket', socket, '--ca-address', '127.0.0.1:1', '--ca-root', join(ROOT, 'LICENSE')],
      ...['--token-file', join(ROOT, 'LICENSE'), '--namespace', 'foo', '--service-account', 'sleep'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  t.teardown(() => child.kill('SIGKILL'));
  let log = '';
  const isReady = new Promise<void>((resolve) => {
    child.stderr.on('data', (text) => {
      log += text;
      if (log.includes('"agent ready"')) resolve();
    });
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  await Promise.race([isReady, closed]);
  return { child, closed, log: () => log };
}

t.test('the version is that of the package', async (t) => {
  t.equal(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version, VERSION);
  const { code, out } = await run('version');
  t.match(out, new RegExp(`^sidecert ${VERSION} \\(node .*openssl`));
  t.equal(code, 0);
});

t.test('help is given on stdout with code 0', async (t) => {
  for (const args of [['--help'], ['help'], ['agent', '--help'], ['citadel', '-h']]) {
    const { code, out, err } = await run(...args);
    t.match({ code, err }, { code: 0, err: '' }, args.join(' '));
    t.match(out, /sidecert/);
  }
});

t.test('a command line that is not understood ends with code 2, all problems named', async (t) => {
  const { code, err } = await run('agent', '--ttl', 'x', '--nope', '--ca-root', '/nonexistent');
  t.equal(code, 2);
  for (const flag of [
    '--ttl: got "x"',
    '--nope: got an unknown flag',
    '--ca-root: got "/nonexistent"',
    '--namespace:',
  ]) {
    t.ok(err.includes(flag), flag);
  }
  t.match(await run('frobnicate'), { code: 2, err: /got "frobnicate", expected one of agent, citadel/ });
  t.match(await run(), { code: 2, err: /got no command/ });
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} ends an agent with code 0 within 5 s, and its socket is gone`, async (t) => {
    const socket = join(shortDir(t), 's');
    const { child, closed, log } = await startAgent(t, socket);
    t.ok(existsSync(socket), log());
    const startedAt = Date.now();
    child.kill(signal);
    const [code] = await closed;
    t.equal(code, 0);
    t.ok(Date.now() - startedAt < 5000);
    t.notOk(existsSync(socket));
  });
}

t.test('a second agent on a live socket is refused, and the first serves on', async (t) => {
  const socket = join(shortDir(t), 's');
  const first = await startAgent(t, socket);
  const second = await startAgent(t, socket);
  t.strictSame(await second.closed.then(([code]) => code), 1);
  t.match(second.log(), /ERR_SOCKET_IN_USE/);
  t.ok(existsSync(socket));
  first.child.kill('SIGTERM');
  t.strictSame(await first.closed.then(([code]) => code), 0);
});

t.test('the health of an agent without an SVID is not serving, that of no agent is unavailable', async (t) => {
  const socket = join(shortDir(t), 's');
  t.match(await run('health', '--socket', socket, '--timeout', '1m'), { code: 1, err: /UNAVAILABLE/ });
  await startAgent(t, socket);
  t.match(await run('health', '--socket', socket, '--timeout', '1m'), { code: 1, err: 'NOT_SERVING\n' });
});

t.test('a Node that was started for debugging is refused', async (t) => {
  const child = spawn(
    process.execPath,
    [
      ...['--inspect=127.0.0.1:0', PROGRAM, 'agent', '--ca-address', 'localhost:1', '--namespace', 'a'],
      ...['--service-account', 'b', '--ca-root', join(ROOT, 'LICENSE'), '--token-file', join(ROOT, 'LICENSE')],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let err = '';
  child.stderr.on('data', (text) => {
    err += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  t.equal(code, 1);
  t.match(err, /ERR_CONFIG_INVALID: inspector of Node.js: got an open one .*--inspect/);
});
