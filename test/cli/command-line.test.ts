import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { COMMANDS, type CommandSpec } from '../../src/config/index.js';
import { environmentName, isRequired } from '../../src/config/option.js';
import { COVERED_SIDECERT as sidecert } from '../support/mesh.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

const run = (t: Test, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runSidecert(t, args, { sidecert, env });

/** A terminal on which no text is wrapped. */
const ON_ONE_LINE = { COLUMNS: '10000' };

const SIDECAR = ['bootstrap', '--inbound', '127.0.0.1:15006', '--app', '127.0.0.1:8080'];

t.test('the overview names every command with what it is for', async (t) => {
  for (const args of [['--help'], ['-h'], ['help']]) {
    const { code, out, err } = await run(t, args, ON_ONE_LINE);
    t.match({ code, err }, { code: 0, err: '' });
    for (const [name, { summary }] of Object.entries(COMMANDS)) t.ok(out.includes(summary), name);
  }
});

for (const [name, { schema, example }] of Object.entries<CommandSpec>(COMMANDS)) {
  t.test(`the help of ${name} is complete: every flag, its variable and default, and an example`, async (t) => {
    const { code, out, err } = await run(t, [...name.split(' '), '--nonsense', '--help'], ON_ONE_LINE);
    t.match({ code, err }, { code: 0, err: '' });
    t.ok(out.includes(example));
    for (const option of Object.values(schema)) {
      const text = out.slice(out.indexOf(`  --${option.flag} `), out.length);
      const next = text.indexOf('\n  --');
      const entry = next < 0 ? text : text.slice(0, next);
      t.ok(entry.includes(option.description), option.flag);
      t.ok(entry.includes(environmentName(option.flag)), `${option.flag}: variable`);
      for (const value of [option.shape === 'switch' ? [] : (option.default ?? [])].flat()) {
        t.ok(entry.includes(value), `${option.flag}: default ${value}`);
      }
      t.equal(entry.includes('[required'), isRequired(option), `${option.flag}: required or not`);
    }
  });
}

t.test('the help is wrapped at the width that COLUMNS says, and at 80 where nothing says any', async (t) => {
  for (const [columns, width] of [
    ['60', 60],
    ['', 80],
    ['none', 80],
    ['-1', 80],
    ['1', 40],
  ] as const) {
    const { out } = await run(t, ['version', '--help'], { COLUMNS: columns });
    const lines = out.split('\n').map((line) => line.length);
    t.ok(Math.max(...lines) <= width, `${columns}: at most ${width}`);
    t.ok(Math.max(...lines) > width - 20, `${columns}: all of ${width} is used`);
  }
});

t.test('what is no command ends with code 2 and the list of those there are', async (t) => {
  for (const args of [[], ['agnet'], [''], ['--verbose'], ['AGENT']]) {
    const { code, out, err } = await run(t, args);
    t.match({ code, out }, { code: 2, out: '' }, args.join(' '));
    t.match(
      err,
      new RegExp(
        `^sidecert: got .*, expected one of ${Object.keys(COMMANDS).join(', ')}, help(; did you mean agent\\?)?\\n$`,
      ),
    );
  }
});

t.test('a value comes from the flag, else the variable, else the file, else the default', async (t) => {
  const file = join(shortDir(t), 'config.json');
  await writeFile(file, JSON.stringify({ namespace: 'of-file', serviceAccount: 'of-file', socket: './of-file' }));
  const env = { SIDECERT_CONFIG: file, SIDECERT_NAMESPACE: 'of-variable', SIDECERT_SERVICE_ACCOUNT: 'of-variable' };
  const { code, out, err } = await run(t, [...SIDECAR, '--namespace', 'of-flag'], env);
  t.match({ code, err }, { code: 0, err: '' });
  t.match(parse(out), { node: { id: 'of-variable.of-flag' } });
  t.match(out, 'of-file', 'the socket');
});

t.test('all problems are named at once, wherever the value came from, with code 2', async (t) => {
  const env = { SIDECERT_MAX_TTL: 'long', SIDECERT_LISTEN: 'nowhere' };
  const { code, out, err } = await run(t, ['citadel', '--jwks', '/nonexistent', '--default-ttl', '-1'], env);
  t.match({ code, out }, { code: 2, out: '' });
  for (const name of ['SIDECERT_MAX_TTL: got "long"', 'SIDECERT_LISTEN: got "nowhere"', '--jwks: got "/nonexistent"']) {
    t.ok(err.includes(name), name);
  }
  t.match(err, /--default-ttl: got/);
  t.match(err, /sidecert citadel --help tells what can be set\n$/);
  const agent = await run(t, ['agent', '--ttl', '-1'], {});
  t.match(agent.err, /--ca-address: got nothing/, 'what is required and not there, too');
  t.match(agent.err, /--ttl: got "-1"/);
});

t.test('a token or a key that is given in place of something else is not repeated', async (t) => {
  const token = await new TokenIssuer().token();
  const pem = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----';
  for (const args of [[token], ['agent', token], ['agent', '--ca-root', token], ['health', `--ca-root=${pem}`]]) {
    const { code, err } = await run(t, args);
    t.equal(code, 2);
    t.match(err, /\[redacted (token|PEM)\]/);
    t.notMatch(err, /eyJ|MIGH/);
  }
});

t.test('a path of digits is a file, not a port, and what a path has of control characters is not shown', async (t) => {
  // What Node.js takes for a port where it is not told that it is a path.
  for (const path of ['99999999999999999999', '0x10', '70000']) {
    for (const args of [
      ['health', '--socket', path],
      ['fleet', '--socket', path, '--envoys', '1'],
    ]) {
      const { code, out, err } = await run(t, args);
      t.equal(code, 1);
      t.match(out + err, /connect ENOENT/);
      t.notMatch(err, /\n {4}at /);
    }
  }
  for (const command of [
    ['health', '--socket'],
    ['fleet', '--envoys', '1', '--socket'],
    ['kube-inject', '--filename'],
  ]) {
    const { code, err } = await run(t, [...command, '/nonexistent/x\u001b[31mred']);
    t.equal(code, 1);
    t.match(err, /ENOENT/);
    t.notOk(err.includes('\u001b'));
  }
});

t.test('what fails after the settings were understood ends with code 1 and its error code', async (t) => {
  const directory = shortDir(t);
  const jwks = join(directory, 'jwks.json');
  await writeFile(jwks, 'no JSON');
  const citadel = ['citadel', '--listen', '127.0.0.1:0', '--jwks', jwks, '--token-issuer', 'issuer'];
  t.match(await run(t, citadel), { code: 1, out: '', err: /\nsidecert citadel: ERR_JWKS_INVALID: JWKS file / });
});

t.test('Citadel is started, asked for its health, and stopped', async (t) => {
  const directory = shortDir(t);
  const [jwks, root] = [join(directory, 'jwks.json'), join(directory, 'root.pem')];
  await writeFile(jwks, JSON.stringify(new TokenIssuer().jwks));
  const citadel = new SidecertProcess(
    t,
    ['citadel', '--listen', '127.0.0.1:0', '--jwks', jwks, '--token-issuer', 'issuer', '--root-cert-out', root],
    { sidecert },
  );
  const health = ['health', '--address', await citadel.address(), '--ca-root', root, '--timeout', '1m'];
  t.match(await run(t, health), { code: 0, out: 'SERVING\n', err: '' });
  citadel.kill('SIGTERM');
  t.equal(await citadel.ended, 0);
  t.match(await run(t, health), { code: 1, out: '', err: /UNAVAILABLE/ });
});

t.test('output that cannot be written is a failure, with the reason', async (t) => {
  const [command = '', ...leading] = sidecert;
  const full = openSync('/dev/full', 'w');
  t.teardown(() => closeSync(full));
  const args = [...leading, ...SIDECAR, '--namespace', 'foo', '--service-account', 'sleep'];
  const { status, stderr } = spawnSync(command, args, { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' });
  t.match({ status, stderr }, { status: 1, stderr: /^sidecert: stdout: ENOSPC: .*\n$/ });
});
