// `npm run bench:compare -- REV [NAMES] [--runs N]`: is this tree faster or slower than revision REV?
//
// REV is built in a worktree of its own in a temporary folder. The two then take turns, bench by bench, because what
// else a machine does changes from minute to minute; the ratio of each pair of runs is what counts.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Answer } from './harness/answer.js';
import { openBase } from './harness/base-tree.js';
import { changesOf } from './harness/changes.js';
import { BENCHES, runBench } from './harness/processes.js';
import { aligned } from './harness/text-table.js';

/** Odd, so that the median is one of them. */
const RUNS = 5;

/** Rounds in a run: few, because the runs are the rounds here. */
const ROUNDS = 3;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { runs: { type: 'string' } } });
const [revision, ...names] = positionals;
const runs = values.runs === undefined ? RUNS : Number(values.runs);
if (revision === undefined) throw new TypeError('bench:compare: got no revision, expected one, as in HEAD~1');
if (!Number.isInteger(runs) || runs < 1) throw new TypeError(`--runs: got ${values.runs}, expected 1 or more`);
const unknown = names.filter((name) => !BENCHES.includes(name));
if (unknown.length > 0) throw new TypeError(`bench: got ${unknown.join(', ')}, expected some of ${BENCHES.join(', ')}`);

/** One run of a bench in a tree. */
async function answerOf(name: string, directory: string): Promise<Answer> {
  const json = join(directory, '.cache', 'bench', `compare-${name}.json`);
  rmSync(json, { force: true });
  const code = await runBench(name, ['--rounds', String(ROUNDS), '--json', json], { directory, isQuiet: true });
  if (code !== 0) throw new Error(`bench ${name} in ${directory}: got exit code ${code}, expected 0`);
  return JSON.parse(readFileSync(json, 'utf8'));
}

const commit = execFileSync('git', ['rev-parse', '--short', `${revision}^{commit}`], { encoding: 'utf8' }).trim();
// An interrupt ends the bench that runs, and so this one by its error: the worktree has to go.
process.on('SIGINT', () => {});
const base = await openBase(commit);
try {
  for (const name of names.length > 0 ? names : BENCHES) {
    if (!existsSync(join(base.directory, 'build', 'bench', `${name}.js`))) {
      console.log(`${name}: ${commit} has no such bench`);
      continue;
    }
    const pairs: { base: Answer; ours: Answer }[] = [];
    for (let run = 0; run < runs; run += 1) {
      // Each goes first in turn: the second one finds a warmer machine.
      const order = run % 2 === 0 ? [base.directory, '.'] : ['.', base.directory];
      const answers = new Map<string, Answer>();
      for (const directory of order) answers.set(directory, await answerOf(name, directory));
      const [before, after] = [answers.get(base.directory), answers.get('.')];
      if (before !== undefined && after !== undefined) pairs.push({ base: before, ours: after });
    }
    console.log(`${name}: this tree to ${commit}, ${runs} pairs of runs; of rates more is better, of times less`);
    console.log(aligned([['', 'ratio', 'over the runs'], ...changesOf(pairs)]));
  }
} finally {
  base.close();
}
