import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
