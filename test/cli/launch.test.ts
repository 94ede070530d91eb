import { execFile, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import Module from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Script } from 'node:vm';
import t from 'tap';

const run = promisify(execFile);
const DIST = fileURLToPath(new URL('../../../dist/', import.meta.url));
const OTHER_V8 = 'the code of another V8';

for (const bundle of ['agent', 'health', 'citadel-peer', 'commands']) {
  t.test(`V8 takes the code cache of ${bundle} that the build made`, async (t) => {
    const source = readFileSync(join(DIST, `${bundle}.js`), 'latin1');
    const script = new Script(Module.wrap(source), { cachedData: readFileSync(join(DIST, `${bundle}.cache`)) });
    t.equal(script.cachedDataRejected, false);
  });
}

t.test('a health check loads the options of no other command, and of a Citadel nothing for an agent', async (t) => {
  const text = (name: string): string => readFileSync(join(DIST, `${name}.js`), 'latin1');
  for (const flag of ['"webhook-config"', '"jwks"', '"renew-at"', '"tokens"']) {
    t.ok(text('commands').includes(flag), flag);
    t.notOk(text('health').includes(flag), flag);
  }
  t.match(text('citadel-peer'), 'node:tls');
  t.notMatch(text('health'), /node:(tls|crypto)/);
});

t.test(
  'the bundles of agent and probe have nothing of Citadel, Kubernetes, the reader of YAML and what explains',
  (t) => {
    const holds = (name: string, text: string): boolean => readFileSync(join(DIST, name), 'latin1').includes(text);
    for (const text of [
      'YAMLParseError',
      'openid/v1/jwks',
      'allowWatchBookmarks',
      'from a process that is not sidecert',
      'is left from a process that has ended',
    ]) {
      t.ok(holds('commands.js', text), text);
      for (const name of ['agent.js', 'health.js']) t.notOk(holds(name, text), `${text} in ${name}`);
    }
    t.end();
  },
);

t.test('the page for people is a file of its own, and in no other', async (t) => {
  const holds = (name: string) => readFileSync(join(DIST, name), 'latin1').includes('Skip to the status');
  t.ok(holds('page.js'));
  for (const name of ['agent.js', 'commands.js', 'health.js']) t.notOk(holds(name), name);
});

t.test('what records traces is a file of its own, and in no other', async (t) => {
  const holds = (name: string) => readFileSync(join(DIST, name), 'latin1').includes('application/x-protobuf');
  t.ok(holds('tracing.js'));
  for (const name of ['agent.js', 'commands.js', 'health.js', 'citadel-peer.js']) t.notOk(holds(name), name);
});

t.test('what asks a running process has no use for TLS and HTTP/2, and does not wait for them', async (t) => {
  const directory = t.testdir({
    'list.cjs': "process.on('exit', () => console.error(process.moduleLoadList.join('\\n')))",
  });
  const [page, absent] = [join(directory, 'page.json'), join(directory, 'status.sock')];
  writeFileSync(page, '{}');
  const loadedBy = (...args: string[]) => {
    const program = ['--require', join(directory, 'list.cjs'), join(DIST, 'sidecert.js')];
    const { stderr } = spawnSync(process.execPath, [...program, ...args], { encoding: 'utf8' });
    return stderr.split('\n').filter((line) => ['NativeModule tls', 'NativeModule http2'].includes(line));
  };
  t.strictSame(loadedBy('status', absent), []);
  t.strictSame(loadedBy('log-level', absent, 'info'), []);
  t.strictSame(loadedBy('explain', page, page), []);
  t.ok(loadedBy('doctor', '--socket', absent, '--identity-source', 'file', '--identity-dir', directory).length > 0);
});

const cases = [
  { name: 'a cache that V8 refuses', spoil: (dist: string) => writeFileSync(join(dist, 'agent.cache'), OTHER_V8) },
  { name: 'an empty cache', spoil: (dist: string) => writeFileSync(join(dist, 'agent.cache'), '') },
  { name: 'the cache as it is', spoil: () => {} },
];
for (const { name, spoil } of cases) {
  t.test(`the agent starts with ${name}`, async (t) => {
    const dist = t.testdir();
    cpSync(DIST, dist, { recursive: true });
    spoil(dist);
    const { stdout } = await run(process.execPath, [join(dist, 'sidecert.js'), 'agent', '--help']);
    t.match(stdout, /--token-source/);
  });
}

t.test('a program that is not whole says so', async (t) => {
  const dist = t.testdir();
  cpSync(DIST, dist, { recursive: true });
  rmSync(join(dist, 'agent.js'));
  const { status, stderr } = spawnSync(process.execPath, [join(dist, 'sidecert.js'), 'agent', '--help'], {
    encoding: 'utf8',
  });
  t.equal(status, 1);
  t.match(stderr, /^sidecert: the program is not whole: ENOENT: .*agent\.js'\n$/);
});
