// `npm run fuzz -- [--target NAME]... [--runs 1000000] [--seed 1] [--from 0]`: reads so many hostile inputs, with bounds on
// the time of each and the memory of all (test/fuzz), or by libFuzzer under the sanitizers (native:csr, native:chain; see
// scripts/setup/native-fuzz.mjs). All of test/fuzz without a target. Ends with 1 at the first fault, and says how to play it again.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildForTests } from './build.mjs';
import { fuzzNative, NATIVE_TARGETS } from './setup/native-fuzz.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const NATIVE = 'native:';

const { values, positionals } = parseArgs({
  options: {
    target: { type: 'string', multiple: true, default: [] },
    runs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
  },
  allowPositionals: true,
});

/** In a process of its own, so that the memory of one is not counted as another's. */
function fuzzHere(target, { runs, seed, from }) {
  const args = ['build/test/fuzz/main.js', target, runs, seed, from];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

await buildForTests();
const { TARGETS } = await import('../build/test/fuzz/targets.js');
const wanted = [...values.target, ...positionals];
const known = [...Object.keys(TARGETS), ...NATIVE_TARGETS.map((name) => `${NATIVE}${name}`)];
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`--target: got ${unknown.join(', ')}, expected some of ${known.join(', ')}`);
  process.exit(2);
}
for (const target of wanted.length > 0 ? wanted : Object.keys(TARGETS)) {
  if (target.startsWith(NATIVE)) await fuzzNative(target.slice(NATIVE.length), values);
  else process.exitCode = (await fuzzHere(target, values)) || process.exitCode;
}
