// `npm run bench [-- NAMES] [--smoke] [--rounds N] [--write]`: every bench, one after the other, each in a process of
// its own, so that what one leaves behind (memory, what V8 has learnt) is not the next one's.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeToDocs } from './harness/docs.js';
import { BENCHES, runBench, SCENES } from './harness/processes.js';

/** Git ignores it. */
const OUT = '.cache/bench';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: 'boolean' }, rounds: { type: 'string' }, write: { type: 'boolean' } },
});
const all = [...BENCHES, ...SCENES];
const unknown = positionals.filter((name) => !all.includes(name));
if (unknown.length > 0) throw new TypeError(`bench: got ${unknown.join(', ')}, expected some of ${all.join(', ')}`);

const flags = [
  ...(values.smoke ? ['--smoke'] : []),
  ...(values.rounds === undefined ? [] : ['--rounds', values.rounds]),
];
const failed: string[] = [];
for (const name of positionals.length > 0 ? positionals : BENCHES) {
  if (SCENES.includes(name)) {
    if ((await runBench(name, values.smoke ? ['--smoke'] : [])) !== 0) failed.push(name);
    continue;
  }
  const json = `${OUT}/${name}.json`;
  const code = await runBench(name, [...flags, '--json', json]);
  if (code !== 0) failed.push(name);
  else if (values.write && !values.smoke) await writeToDocs(JSON.parse(readFileSync(json, 'utf8')));
}
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
