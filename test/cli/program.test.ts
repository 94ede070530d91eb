import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { VERSION } from '../../src/app/index.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';

/** build/test/cli/ → the project. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PROGRAM = join(ROOT, 'dist', 'sidecert.js');

/** As it ships. */
const SHIPPED = { sidecert: [process.execPath, PROGRAM] };

const run = (t: Test, ...args: string[]) => runSidecert(t, args, SHIPPED);

/** An agent without a CA behind it. */
function launchAgent(t: Test, socket: string): SidecertProcess {
  const args = [
    ...['agent', '--socket', socket, '--ca-address', '127.0.0.1:1', '--ca-root', join(ROOT, 'LICENSE')],
    ...['--token-file', join(ROOT, 'LICENSE'), '--namespace', 'foo', '--service-account', 'sleep'],
  ];
  return new SidecertProcess(t, args, SHIPPED);
}

/** One that is ready. */
async function startAgent(t: Test, socket: string): Promise<SidecertProcess> {
  const agent = launchAgent(t, socket);
  await agent.says('"agent ready"');
  return agent;
}

t.test('the version is that of the package', async (t) => {
  t.equal(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version, VERSION);
  const { code, out } = await run(t, 'version');
  t.match(out, new RegExp(`^sidecert ${VERSION} \\(node .*openssl`));
  t.equal(code, 0);
});

t.test('help is given on stdout with code 0', async (t) => {
  for (const args of [['--help'], ['help'], ['agent', '--help'], ['citadel', '-h']]) {
    const { code, out, err } = await run(t, ...args);
    t.match({ code, err }, { code: 0, err: '' }, args.join(' '));
    t.match(out, /sidecert/);
  }
});

t.test('a command line that is not understood ends with code 2, all problems named', async (t) => {
  const { code, err } = await run(t, 'agent', '--ttl', 'x', '--nope', '--ca-root', '/nonexistent');
  t.equal(code, 2);
  for (const flag of [
    '--ttl: got "x"',
    '--nope: got an unknown flag',
    '--ca-root: got "/nonexistent"',
    '--namespace:',
  ]) {
    t.ok(err.includes(flag), flag);
  }
  t.match(await run(t, 'frobnicate'), { code: 2, err: /got "frobnicate", expected one of agent, citadel/ });
  t.match(await run(t), { code: 2, err: /got no command/ });
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} ends an agent with code 0, and its socket is gone`, async (t) => {
    const socket = join(shortDir(t), 's');
    const agent = await startAgent(t, socket);
    t.ok(existsSync(socket));
    agent.kill(signal);
    // It would be 1 when that took longer than it may.
    t.equal(await agent.ended, 0);
    t.notOk(existsSync(socket));
  });
}

t.test('a second agent on a live socket is refused, and the first serves on', async (t) => {
  const socket = join(shortDir(t), 's');
  const first = await startAgent(t, socket);
  t.match(await launchAgent(t, socket).whole(), { code: 1, err: /ERR_SOCKET_IN_USE/ });
  t.ok(existsSync(socket));
  first.kill('SIGTERM');
  t.equal(await first.ended, 0);
});

t.test('the health of an agent without an SVID is not serving, that of no agent is unavailable', async (t) => {
  const socket = join(shortDir(t), 's');
  t.match(await run(t, 'health', '--socket', socket, '--timeout', '1m'), { code: 1, err: /UNAVAILABLE/ });
  await startAgent(t, socket);
  t.match(await run(t, 'health', '--socket', socket, '--timeout', '1m'), { code: 1, err: 'NOT_SERVING\n' });
});

t.test('a Node that was started for debugging is refused', async (t) => {
  const args = [
    ...['agent', '--ca-address', 'localhost:1', '--namespace', 'a', '--service-account', 'b'],
    ...['--ca-root', join(ROOT, 'LICENSE'), '--token-file', join(ROOT, 'LICENSE')],
  ];
  const sidecert = [process.execPath, '--inspect=127.0.0.1:0', PROGRAM];
  t.match(await runSidecert(t, args, { sidecert }), {
    code: 1,
    err: /ERR_CONFIG_INVALID: inspector of Node.js: got an open one .*--inspect/,
  });
});
