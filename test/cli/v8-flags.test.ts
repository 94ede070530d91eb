import { execFileSync } from 'node:child_process';
import t from 'tap';

const module = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);

/** Calls a small function so often that V8 optimises it, and gives what V8 says to that. */
function traced(before: string, calls: number): string {
  const program = `
    import { setV8Flags } from ${module('cli/v8-flags.js')};
    import { optimiseSooner } from ${module('platform/index.js')};
    ${before}
    function walked(n) { let sum = 0; for (let i = 0; i < 50; i += 1) sum += i ^ n; return sum; }
    for (let n = 0; n < ${calls}; n += 1) walked(n);`;
  return execFileSync(process.execPath, ['--trace-opt', '--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
}

t.test('V8 waits until a function is really hot, and optimises it then', async (t) => {
  const marked = /marking .*<JSFunction walked /;
  t.match(traced('', 250), marked);
  t.notMatch(traced("setV8Flags('agent');", 250), marked);
  t.match(traced("setV8Flags('agent');", 100_000), marked);
});

t.test('and does not wait any more when a crowd has come', async (t) => {
  t.match(traced("setV8Flags('agent'); optimiseSooner();", 250), /marking .*<JSFunction walked /);
});
