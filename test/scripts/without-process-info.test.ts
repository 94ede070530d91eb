import { execFileSync } from 'node:child_process';
import t from 'tap';

const script = new URL('../../../scripts/setup/without-process-info.mjs', import.meta.url);
const { withoutProcessInfo } = await import(script.href);

const MODULE = 'file:///work/a%20b/node_modules/@tapjs/processinfo/dist/esm/import.mjs';

t.test("the module by which tap follows processes leaves a test's arguments and NODE_OPTIONS", async (t) => {
  const args = ['node', '--enable-source-maps', `--import=${MODULE}`, 'x.test.js'];
  const cases = [
    { options: `"--import=${MODULE}"`, left: undefined },
    { options: `"--max-old-space-size=200" "--import=${MODULE}"`, left: '"--max-old-space-size=200"' },
    { options: `"--import=${MODULE}" "--import=other.mjs"`, left: '"--import=other.mjs"' },
    { options: '--no-deprecation', left: '--no-deprecation' },
  ];
  for (const { options, left } of cases) {
    const given = { args, envPairs: ['PATH=/bin', `NODE_OPTIONS=${options}`, 'A='] };
    t.strictSame(withoutProcessInfo(given), {
      args: ['node', '--enable-source-maps', 'x.test.js'],
      envPairs: ['PATH=/bin', ...(left === undefined ? [] : [`NODE_OPTIONS=${left}`]), 'A='],
    });
  }
});

t.test(
  'what a test starts is a plain process',
  { skip: process.env._TAPJS_PROCESSINFO_COVERAGE_ === '1' && 'coverage follows each process' },
  async (t) => {
    const what = 'process.execArgv.join(" ") + process.env.NODE_OPTIONS';
    t.notMatch(execFileSync(process.execPath, ['-p', what], { encoding: 'utf8' }), 'processinfo');
    t.notMatch(process.execArgv.join(' '), /processinfo|mock/);
  },
);
