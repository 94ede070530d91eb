import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { COMMANDS } from '../../src/config/index.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { PATIENCE_MS } from '../support/patience.js';
import { shortDir } from '../support/short-dir.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DIRECTORY = join(ROOT, 'deploy/systemd');
const UNITS = readdirSync(DIRECTORY).filter((name) => name.endsWith('.service'));
const INSTALLED = '/usr/bin/sidecert';

const read = (unit: string): string => readFileSync(join(DIRECTORY, unit), 'utf8');

/** The values of one key, in their order. */
function valuesOf(unit: string, key: string): readonly string[] {
  return [...read(unit).matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);
}

const skip = spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'there is no systemd-analyze';

/** A copy of the units in which the program is the one that was built. */
function copies(t: Test): readonly string[] {
  const directory = shortDir(t);
  return UNITS.map((unit) => {
    const path = join(directory, unit);
    writeFileSync(path, read(unit).replaceAll(INSTALLED, join(ROOT, 'dist/sidecert.js')));
    return path;
  });
}

t.test('systemd has nothing to say of the units', { skip }, async (t) => {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...copies(t)], {
    encoding: 'utf8',
  });
  t.strictSame({ status, said: stdout + stderr }, { status: 0, said: '' });
});

t.test('systemd rates what each unit may do as little', { skip }, async (t) => {
  for (const path of copies(t)) {
    const args = ['security', '--offline=true', '--threshold=15', '--no-pager', path];
    const { status, stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    t.equal(status, 0, stdout);
  }
});

for (const unit of UNITS) {
  t.test(`${unit} starts a command that there is, waits for its health, and reloads by SIGHUP`, async (t) => {
    const [start = ''] = valuesOf(unit, 'ExecStart');
    const [, program, command = '', flag] = /^(\S+) (\S+) (\S+) \S+$/.exec(start) ?? [];
    t.strictSame([program, flag], [INSTALLED, '--config']);
    t.ok(Object.hasOwn(COMMANDS, command), command);
    t.match(valuesOf(unit, 'ExecStartPost')[0] ?? '', `until ${INSTALLED} health --`);
    t.strictSame(valuesOf(unit, 'ExecReload'), ['/bin/kill -HUP $MAINPID']);
    t.strictSame(valuesOf(unit, 'LimitCORE'), ['0']);
  });
}

t.test(
  'an agent with settings as docs/systemd.md has them serves, and its health is what the unit waits for',
  async (t) => {
    const ca = await FakeCaServer.start(t);
    const run = shortDir(t);
    mkdirSync(join(run, 'sidecert-agent'));
    const socket = join(run, 'sidecert-agent/sds.sock');
    const [root, token, config] = ['root.pem', 'token', 'agent.json'].map((name) => join(run, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(root, ca.rootPem);
    writeFileSync(token, await new TokenIssuer().token());
    const settings = {
      ...{ socket, statusAddress: join(run, 'sidecert-agent/status.sock'), logFormat: 'text' },
      ...{ caAddress: [ca.address], caRoot: [root], tokenFile: token, namespace: 'foo', serviceAccount: 'sleep' },
    };
    writeFileSync(config, JSON.stringify(settings));
    const agent = new SidecertProcess(t, ['agent', '--config', config]);
    const [post = ''] = valuesOf('sidecert-agent.service', 'ExecStartPost');
    const program = `${process.execPath} ${join(ROOT, 'dist/sidecert.js')}`;
    const script = (/'(.*)'$/.exec(post)?.[1] ?? '').replaceAll(INSTALLED, program).replace('/run', run);
    // Rejects when it ends with another code than 0; the CA is in this process, which must not be blocked.
    await promisify(execFile)('/bin/sh', ['-c', script], { timeout: PATIENCE_MS });
    await agent.says('agent ready');
  },
);
