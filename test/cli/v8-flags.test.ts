import { execFileSync } from 'node:child_process';
import t from 'tap';

const MODULE = new URL('../../src/cli/v8-flags.js', import.meta.url).href;

/** Calls a small function so often that V8 optimises it, and gives what V8 says to that. */
function traced(isSet: boolean, calls: number): string {
  const program = `
    import { setV8Flags } from ${JSON.stringify(MODULE)};
    if (${isSet}) setV8Flags('agent');
    function walked(n) { let sum = 0; for (let i = 0; i < 50; i += 1) sum += i ^ n; return sum; }
    for (let n = 0; n < ${calls}; n += 1) walked(n);`;
  return execFileSync(process.execPath, ['--trace-opt', '--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
}

t.test('V8 waits until a function is really hot, and optimises it then', async (t) => {
  const marked = /marking .*<JSFunction walked /;
  t.match(traced(false, 250), marked);
  t.notMatch(traced(true, 250), marked);
  t.match(traced(true, 100_000), marked);
});
