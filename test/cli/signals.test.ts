import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ENDING_SIGNALS } from '../../src/cli/ending-signals.js';
import { COVERED_SIDECERT as sidecert } from '../support/mesh.js';
import { openSdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

t.setTimeout(250_000);

/**
 * Without what the test runner puts into each Node.js: that takes SIGIO and SIGPOLL, which are one signal, for two, and
 * sends it again when nobody else listens to one of them.
 */
const alone = ['env', '-u', 'NODE_OPTIONS', ...sidecert];

/** An agent whose CA is away, up to its ready line. */
async function startAgent(t: Test, { env = {}, level = 'info', ready = '"agent ready"', program = sidecert } = {}) {
  const directory = shortDir(t);
  const [socket, root] = [join(directory, 's'), join(directory, 'root.pem')];
  await writeFile(root, TestCa.root().certificatePem);
  const agent = new SidecertProcess(
    t,
    [
      ...['agent', '--socket', socket, '--ca-address', '127.0.0.1:1', '--ca-root', root, '--log-level', level],
      ...['--token-file', root, '--namespace', 'foo', '--service-account', 'sleep'],
    ],
    { sidecert: program, env },
  );
  await agent.says(ready);
  return { agent, socket };
}

/**
 * Code for the agent, which holds its shutdown up after it has said that it begins, until there is a file at `path`.
 */
function holdUntil(path: string): string {
  const script = `
    import { existsSync } from 'node:fs';
    const { write } = process.stderr;
    const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    process.stderr.write = function (text, ...others) {
      const result = write.call(this, text, ...others);
      if (String(text).includes('shutting down')) while (!existsSync(${JSON.stringify(path)})) wait();
      return result;
    };`;
  return `data:text/javascript;base64,${Buffer.from(script).toString('base64')}`;
}

for (const signal of ENDING_SIGNALS.filter((one) => one !== 'SIGHUP')) {
  t.test(`${signal} ends an agent cleanly: streams with OK, the socket gone, code 0`, async (t) => {
    const { agent, socket } = await startAgent(t, { program: alone });
    const envoy = openSdsClient(t, socket);
    envoy.request({ names: ['default'], nodeId: 'envoy' });
    await envoy.expectSilence();
    agent.kill(signal);
    t.match(await envoy.ended, { code: 0 });
    const { code, err } = await agent.whole();
    t.equal(code, 0);
    t.notOk(existsSync(socket));
    t.match(err, new RegExp(`"shutting down","signal":"${signal}"`));
    t.match(err, /"stopped"}\n$/);
  });
}

for (const [first, second] of [
  ['SIGTERM', 'SIGTERM'],
  ['SIGINT', 'SIGINT'],
  ['SIGTERM', 'SIGINT'],
  ['SIGINT', 'SIGTERM'],
  ['SIGQUIT', 'SIGTERM'],
] as const) {
  t.test(
    `${second} after ${first} ends an agent at once, with code 1, when somebody holds its shutdown up`,
    async (t) => {
      const released = join(shortDir(t), 'released');
      const env = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import ${holdUntil(released)}` };
      const { agent } = await startAgent(t, { env });
      agent.kill(first);
      await agent.says('"shutting down"');
      agent.kill(second);
      await writeFile(released, '');
      const { code, err } = await agent.whole();
      t.equal(code, 1);
      t.notMatch(err, /"stopped"/);
    },
  );
}

t.test('a start that does not come to its end is ended by a signal as well', { timeout: 250_000 }, async (t) => {
  const hang = `
    import files from 'node:fs/promises';
    import { syncBuiltinESMExports } from 'node:module';
    files.mkdtemp = () => new Promise(() => {});
    syncBuiltinESMExports();`;
  const preload = `data:text/javascript;base64,${Buffer.from(hang).toString('base64')}`;
  const env = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import ${preload}` };
  const { agent } = await startAgent(t, { env, ready: '"hot path chosen"' });
  agent.kill('SIGTERM');
  t.match(await agent.whole(), { code: 1, err: /"shutting down".*"shutdown took too long"/s });
});

t.test('an error that nobody has caught is logged, and ends the agent with code 1', async (t) => {
  const planted = "process.on('SIGUSR2', () => { throw new Error('planted') })";
  for (const code of [planted, planted.replace('throw', 'return Promise.reject(').replace("')", "'))")]) {
    const env = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import data:text/javascript,${encodeURI(code)}` };
    const { agent } = await startAgent(t, { env });
    agent.kill('SIGUSR2');
    const err = /"level":"error","msg":"unexpected error, ending","error":"Error: planted\\n/;
    t.match(await agent.whole(), { code: 1, err });
  }
});

t.test('an agent whose log nobody reads any more serves on', async (t) => {
  const { agent, socket } = await startAgent(t, { level: 'debug' });
  agent.hangUp('stderr');
  const envoy = openSdsClient(t, socket);
  for (const names of [['default'], ['default', 'ROOTCA']]) {
    envoy.request({ names, nodeId: 'envoy' });
    await envoy.expectSilence();
  }
  agent.kill('SIGTERM');
  t.equal(await agent.ended, 0);
});

t.test('who reads the help only in part is not told of a broken pipe', async (t) => {
  const help = new SidecertProcess(t, ['agent', '--help'], { sidecert });
  help.hangUp('stdout');
  t.match(await help.whole(), { code: 0, err: '' });
});

for (const { name, end, code } of [
  { name: 'a signal', end: (demo: SidecertProcess) => demo.kill('SIGTERM'), code: 130 },
  { name: 'SIGQUIT', end: (demo: SidecertProcess) => demo.kill('SIGQUIT'), code: 130 },
  { name: 'a reader that has gone', end: (demo: SidecertProcess) => demo.hangUp('stdout'), code: 130 },
]) {
  t.test(`${name} ends the demo and all that it has started`, async (t) => {
    const temporary = shortDir(t);
    const demo = new SidecertProcess(t, ['demo'], { sidecert, env: { ENVOY_PATH: 'none', TMPDIR: temporary } });
    await demo.prints('starting 4 agents');
    end(demo);
    const ended = await demo.whole();
    t.equal(ended.code, code);
    t.equal(ended.err, '');
    t.strictSame(await readdir(temporary), []);
  });
}

t.test('SIGHUP reloads an agent: files, the log level of its settings; and tells what has to wait', async (t) => {
  const directory = shortDir(t);
  const [socket, root, config] = ['s', 'root.pem', 'config.json'].map((name) => join(directory, name));
  await writeFile(root ?? '', TestCa.root().certificatePem);
  const settings = { socket, caAddress: '127.0.0.1:1', caRoot: root, tokenFile: root, namespace: 'foo' };
  const write = (more: object) => writeFile(config ?? '', JSON.stringify({ ...settings, ...more }));
  await write({ serviceAccount: 'sleep' });
  const agent = new SidecertProcess(t, ['agent', '--config', config ?? ''], { sidecert });
  await agent.says('"agent ready"');
  agent.kill('SIGHUP');
  await agent.says('"msg":"reloaded","reloaded":"token-file');
  await write({ serviceAccount: 'httpbin', logLevel: 'debug' });
  agent.kill('SIGHUP');
  await agent.says(/"reloaded":"[^"]*log-level","needs_restart":"service-account"/);
  await writeFile(config ?? '', '{');
  agent.kill('SIGHUP');
  await agent.says('"msg":"reloaded, but the settings are refused and those of before stay"');
  agent.kill('SIGTERM');
  t.equal(await agent.ended, 0);
});

t.test('SIGHUP reloads a Citadel: its authority, key sets and policy', async (t) => {
  const directory = shortDir(t);
  const [jwks, ca] = [join(directory, 'jwks.json'), join(directory, 'ca')];
  await writeFile(jwks, JSON.stringify(new TokenIssuer().jwks));
  const citadel = new SidecertProcess(
    t,
    ['citadel', '--listen', '127.0.0.1:0', '--ca-dir', ca, '--jwks', jwks, '--token-issuer', 'x'],
    { sidecert },
  );
  await citadel.says('"citadel ready"');
  citadel.kill('SIGHUP');
  await citadel.says('"msg":"reloaded","reloaded":"ca-dir jwks"');
  citadel.kill('SIGTERM');
  t.equal(await citadel.ended, 0);
});
