/**
 * The one way in which a bench of ours measures and prints. A bench is a file that asks one question, in its first
 * line, and hands its cases to {@link ask}; the figures come from the `benchmark` package.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { type Answer, type RatioSpec, ratioOf } from './harness/answer.js';
import type { Case } from './harness/cases.js';
import { conditionsOf } from './harness/conditions.js';
import { runRounds, smokeRows } from './harness/run-case.js';
import { textOf } from './harness/text-table.js';

export { asyncRate, type Case, distribution, latency, rate } from './harness/cases.js';

export interface Question {
  /** The name of the bench's file, without its ending. */
  readonly name: string;
  readonly question: string;
  /** What a reader of the figures has to know. */
  readonly note: string;
  /** Threads of the pool; 0 where there is none. */
  readonly workers: number;
  readonly cases: readonly Case[];
  readonly ratios?: readonly RatioSpec[];
}

/** Odd, so that the median is one of them; many short ones, so that what else the machine does falls on all cases. */
const ROUNDS = 11;

/** How a bench was called: `[--smoke] [--rounds N] [--json FILE]`. */
export interface Invocation {
  /** Each case once, and no figures. */
  readonly isSmoke: boolean;
  readonly rounds: number;
  readonly jsonFile: string | undefined;
}

/** @throws TypeError with the words of the one who called it wrongly. */
export function invocationOf(args: readonly string[]): Invocation {
  const { values } = parseArgs({
    args: [...args],
    options: { smoke: { type: 'boolean' }, rounds: { type: 'string' }, json: { type: 'string' } },
  });
  const rounds = values.rounds === undefined ? ROUNDS : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new TypeError(`--rounds: got ${values.rounds}, expected 1 or more`);
  return { isSmoke: values.smoke === true, rounds, jsonFile: values.json };
}

/**
 * Proves each case once, measures all of them, prints the answer and writes its JSON.
 * @throws what a case throws: the process then ends with 1, and there is no answer.
 */
export async function ask(question: Question, invocation = invocationOf(process.argv.slice(2))): Promise<Answer> {
  const { name, cases, ratios = [], note, workers } = question;
  const { isSmoke, rounds } = invocation;
  const conditions = conditionsOf(workers, isSmoke ? 0 : rounds);
  for (const one of cases) await one.prove();
  const { rates, distributions } = isSmoke ? smokeRows(cases) : await runRounds(cases, rounds);
  const ratioRows = ratios.map((spec) => ratioOf(spec, rates));
  const answer = { name, question: question.question, note, conditions, rates, distributions, ratios: ratioRows };
  report(answer, invocation);
  return answer;
}

/**
 * Prints an answer, and writes its JSON where that is wanted: for benches that measure whole processes by themselves.
 */
export function report(answer: Answer, { isSmoke, jsonFile }: Invocation): void {
  const count = answer.rates.length + answer.distributions.length;
  console.log(isSmoke ? `${answer.name}: ${count} cases are right` : textOf(answer));
  if (jsonFile === undefined) return;
  mkdirSync(dirname(jsonFile), { recursive: true });
  writeFileSync(jsonFile, `${JSON.stringify(answer, undefined, 2)}\n`);
}
