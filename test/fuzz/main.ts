/** `npm run fuzz` starts it (scripts/fuzz.mjs): `main.js NAME RUNS SEED FROM`. Ends with 1 at the first fault. */
import { runFuzz } from './run-fuzz.js';
import { TARGETS } from './targets.js';

const [name = '', runs = '1000000', seed = '1', from = '0'] = process.argv.slice(2);
const target = await TARGETS[name]?.();
if (target === undefined) throw new Error(`no target ${name}, expected one of ${Object.keys(TARGETS).join(', ')}`);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const startedAtMs = performance.now();
const report = await runFuzz(target, {
  ...{ runs: Number(runs), seed: Number(seed), from: Number(from) },
  onProgress: (done) => say(`${name}: ${done} of ${runs}`),
});
const { slowestMs, slowestRun, grownMb, met, fault } = report;
const seconds = Math.round((performance.now() - startedAtMs) / 1000);
say(
  `${name}: ${report.runs} runs of seed ${seed} in ${seconds} s; slowest ${slowestMs.toFixed(1)} ms (run ${slowestRun}); ` +
    `memory grew by ${grownMb.toFixed(1)} MB; ${JSON.stringify(met)}`,
);
if (fault !== undefined)
  say(`${name}: ${fault}\nagain: npm run fuzz -- --target ${name} --seed ${seed} --from N --runs 1`);
process.exitCode = fault === undefined ? 0 : 1;
