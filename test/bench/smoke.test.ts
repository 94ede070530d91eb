import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import type { Answer } from '../../bench/harness/answer.js';
import { BENCHES, runBench } from '../../bench/harness/processes.js';
import { NO_ADDON } from '../hotpath/implementations.js';
import { realEnvoy } from '../support/real-envoy.js';
import { shortDir } from '../support/short-dir.js';

/** build/test/bench/ → the project. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Files of bench/ that are no bench of the harness; that of the injector wants an API server. */
const OTHERS = [
  'hot-path-soak',
  'compare',
  'harness',
  'injector',
  'load',
  'material',
  'root-rotation',
  'run-all',
  'short-lives',
  'watched-page',
];

// Of all benches together.
t.setTimeout(280_000);

t.test('every bench is in the list, and asks its question in its first line', async (t) => {
  const files = readdirSync(join(ROOT, 'bench')).filter((name) => name.endsWith('.ts'));
  const names = files.map((file) => file.slice(0, -'.ts'.length)).filter((name) => !OTHERS.includes(name));
  t.strictSame(names.sort(), [...BENCHES].sort());
  for (const name of names) {
    const [first = '', ...lines] = readFileSync(join(ROOT, 'bench', `${name}.ts`), 'utf8').split('\n');
    t.match(first, /^\/\/ .*\?$/, name);
    t.ok(
      lines.some((line) => line.includes(first.slice('// '.length))),
      `${name} answers the question it asks`,
    );
  }
});

/** Those that play with a real Envoy. */
const WITH_ENVOY = ['rotation-ways'];

for (const name of BENCHES) {
  const skip = NO_ADDON || (WITH_ENVOY.includes(name) && realEnvoy().skip);
  t.test(`every case of the bench ${name} is right`, { skip }, async (t) => {
    const json = join(shortDir(t), 'answer.json');
    const code = await runBench(name, ['--smoke', '--json', json], { directory: ROOT, isQuiet: true });
    t.equal(code, 0);
    const answer: Answer = JSON.parse(readFileSync(json, 'utf8'));
    t.ok(answer.rates.length + answer.distributions.length > 1, 'there is something to compare');
    t.match(answer.conditions, { commit: String, node: process.versions.node, cores: Number });
  });
}

t.test('the soak of the addon runs to its end', { skip: NO_ADDON }, async (t) => {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['build/bench/hot-path-soak.js', '--smoke'], { cwd: ROOT });
  t.equal(stdout.match(/: 2000 in \d+ s, \d+ accepted/g)?.length, 5);
});

t.test('the load scenes run to their end, with every secret good', async (t) => {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['build/bench/load.js', '--smoke', '--hot-path', 'js'], { cwd: ROOT });
  t.equal(stdout.match(/refused connects +0\.0 /g)?.length, 3);
  t.equal(stdout.match(/secrets missing or wrong +0\.0 /g)?.length, 3);
});

t.test('the page for people is watched to the end of the bench', async (t) => {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['build/bench/watched-page.js', '--smoke', '--hot-path', 'js'], {
    cwd: ROOT,
  });
  t.match(stdout, /alone +\d.*\nwatched +\d.*\n[1-9]\d* answers of [1-9]/);
});

t.test('lives of seconds are renewed to the end of the bench, with every secret good', async (t) => {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['build/bench/short-lives.js', '--smoke', '--hot-path', 'js'], {
    cwd: ROOT,
  });
  t.match(stdout, /renewals +[1-9]/);
  t.match(stdout, /checks +clean/);
});
