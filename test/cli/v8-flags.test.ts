import { execFileSync, spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { setV8Flag, type V8Flag } from '../../src/system/platform/index.js';
import { SIDECERT } from '../support/mesh.js';

const SRC = fileURLToPath(new URL('../../../src/', import.meta.url));
const module = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
/** V8 waits by a count of calls in later versions, which nothing of ours sets. */
const hasBudget = process.versions.v8.startsWith('11.3.');

/** Calls a small function so often that V8 optimises it, and gives what V8 says to that. */
function traced(before: string, calls: number): string {
  const program = `
    import { setV8Flags } from ${module('cli/v8-flags.js')};
    import { optimiseSooner } from ${module('system/platform/index.js')};
    ${before}
    function walked(n) { let sum = 0; for (let i = 0; i < 50; i += 1) sum += i ^ n; return sum; }
    for (let n = 0; n < ${calls}; n += 1) walked(n);`;
  return execFileSync(process.execPath, ['--trace-opt', '--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
}

t.test(
  'V8 waits until a function is really hot, and optimises it then',
  { skip: !hasBudget && 'no budget' },
  async (t) => {
    const marked = /marking .*<JSFunction walked /;
    t.match(traced('', 250), marked);
    t.notMatch(traced("setV8Flags('agent');", 250), marked);
    t.match(traced("setV8Flags('agent');", 100_000), marked);
  },
);

t.test('and does not wait any more when a crowd has come', { skip: !hasBudget && 'no budget' }, async (t) => {
  t.match(traced("setV8Flags('agent'); optimiseSooner();", 250), /marking .*<JSFunction walked /);
});

/** What a V8 of this version is told. */
function toldTo(version: string, flag: V8Flag): string[] {
  const told: string[] = [];
  setV8Flag(flag, 1, { version, setFlag: (text) => told.push(text) });
  return told;
}

const versions = [
  { version: '11.3.244.8-node.38', knows: true },
  { version: '11.8.172.17-node.20', knows: false },
  { version: '12.4.254.21-node.57', knows: false },
  { version: '15.0.1.2-node.3', knows: false },
];
for (const { version, knows } of versions) {
  t.test(`V8 ${version} ${knows ? 'knows' : 'is not asked for'} the budget of interrupts`, async (t) => {
    t.strictSame(toldTo(version, 'interrupt-budget'), knows ? ['--interrupt-budget=1'] : []);
  });
}

t.test('flags that no version was tried with are not set', async (t) => {
  t.strictSame(toldTo('14.6.202.34-node.34', 'semi-space-growth-factor'), ['--semi-space-growth-factor=1']);
  t.strictSame(toldTo('14.7.0.0-node.1', 'semi-space-growth-factor'), []);
});

t.test('the old generation of a Citadel is collected sooner, that of other commands as V8 likes', async (t) => {
  const told = (command: string): string => {
    const program = `
      import { setV8Flags } from ${module('cli/v8-flags.js')};
      process.getBuiltinModule('node:v8').setFlagsFromString = (text) => console.log(text);
      setV8Flags('${command}');`;
    return execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
  };
  t.match(told('citadel'), '--heap-growing-percent=50');
  for (const command of ['agent', 'fleet']) t.notMatch(told(command), '--heap-growing-percent');
});

t.test('V8 has nothing to say to a flag that is set', async (t) => {
  const program = `
    import { setV8Flags } from ${module('cli/v8-flags.js')};
    import { optimiseSooner } from ${module('system/platform/index.js')};
    setV8Flags('agent'); setV8Flags('citadel'); optimiseSooner(); await import(${module('hotpath/worker.js')});`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
  t.strictSame({ stdout, stderr, status }, { stdout: '', stderr: '', status: 0 });
  const [command = '', ...args] = SIDECERT;
  for (const name of ['agent', 'citadel', 'demo', 'fleet', 'bootstrap']) {
    t.equal(spawnSync(command, [...args, name, '--help'], { encoding: 'utf8' }).stderr, '', name);
  }
});

t.test('flags of V8 are set in one place, and in the threads', async (t) => {
  const files = (await readdir(SRC, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const setting = await Promise.all(
    files.map(async (name) => ((await readFile(join(SRC, name), 'utf8')).includes('setFlagsFromString') ? name : '')),
  );
  t.strictSame(setting.filter((name) => name !== '').sort(), [
    join('hotpath', 'worker.ts'),
    join('system', 'platform', 'v8-flag.ts'),
  ]);
});
