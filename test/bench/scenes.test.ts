import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { NO_ADDON } from '../hotpath/implementations.js';

/** build/test/bench/ → the project. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

// Of all scenes together.
t.setTimeout(280_000);

const run = promisify(execFile);

t.test('the soak of the addon runs to its end', { skip: NO_ADDON }, async (t) => {
  const { stdout } = await run(process.execPath, ['build/bench/hot-path-soak.js', '--smoke'], { cwd: ROOT });
  t.equal(stdout.match(/: 2000 in \d+ s, \d+ accepted/g)?.length, 5);
});

t.test('the load scenes run to their end, with every secret good', async (t) => {
  const { stdout } = await run(process.execPath, ['build/bench/load.js', '--smoke', '--hot-path', 'js'], { cwd: ROOT });
  t.equal(stdout.match(/refused connects +0\.0 /g)?.length, 3);
  t.equal(stdout.match(/secrets missing or wrong +0\.0 /g)?.length, 3);
});

t.test('the page for people is watched to the end of the bench', async (t) => {
  const { stdout } = await run(process.execPath, ['build/bench/watched-page.js', '--smoke', '--hot-path', 'js'], {
    cwd: ROOT,
  });
  t.match(stdout, /alone +\d.*\nwatched +\d.*\n[1-9]\d* answers of [1-9]/);
});

t.test('lives of seconds are renewed to the end of the bench, with every secret good', async (t) => {
  const { stdout } = await run(process.execPath, ['build/bench/short-lives.js', '--smoke', '--hot-path', 'js'], {
    cwd: ROOT,
  });
  t.match(stdout, /renewals +[1-9]/);
  t.match(stdout, /checks +clean/);
});
