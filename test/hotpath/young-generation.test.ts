import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t, { type Test } from 'tap';

const POOL = new URL('../../src/hotpath/pool.js', import.meta.url).href;

/**
 * How large V8's young generation is, in megabytes, when much was made and kept; with a thread of the pool or without.
 */
function youngMegabytes(t: Test, hasThread: boolean): number {
  const program = `
    import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
    // As an agent does before it loads anything (src/cli/v8-flags.ts); a thread's heap sets it back.
    if (${hasThread}) setFlagsFromString('--semi-space-growth-factor=1');
    const { createPooledHotPath } = await import(${JSON.stringify(POOL)});
    const pool = createPooledHotPath({
      threads: { min: 0, max: 1 }, idleTimeoutMs: 60_000, maxQueue: 10, taskTimeoutMs: 60_000,
    });
    if (${hasThread}) await pool.prepare({ spiffeId: 'spiffe://cluster.local/ns/foo/sa/bar', keyType: 'ec-p256' });
    const kept = [];
    for (let n = 0; n < 500_000; n += 1) kept.push({ n, next: [n] });
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    console.log(young.space_size / 1024 / 1024);
    await pool.close();`;
  const file = join(t.testdir({ 'program.mjs': program }), 'program.mjs');
  // Without what the test runner puts into every Node: it has threads and heaps of its own.
  const plain = ['-u', 'NODE_OPTIONS', process.execPath, file];
  return Number(execFileSync('env', plain, { encoding: 'utf8' }));
}

t.test('a thread of the pool keeps the young generation of the process small', async (t) => {
  const [grown, small] = [youngMegabytes(t, false), youngMegabytes(t, true)];
  t.ok(grown > 4, `by itself it grows: to ${grown} MB`);
  // Node.js 26 says half a megabyte more at some moments: its V8 counts a page that it has just opened.
  t.ok(small <= 3, `it stays small: ${small} MB`);
});
