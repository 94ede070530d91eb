import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type Answer, ratioOf, verdictOf } from '../../bench/harness/answer.js';
import { chartOf } from '../../bench/harness/bar-chart.js';
import { asyncRate, latency, rate } from '../../bench/harness/cases.js';
import { changesOf } from '../../bench/harness/changes.js';
import { conditionsOf } from '../../bench/harness/conditions.js';
import { withAnswer } from '../../bench/harness/docs.js';
import { median, percentilesOf, usualOf } from '../../bench/harness/percentiles.js';
import { runRounds } from '../../bench/harness/run-case.js';
import { markdownOf } from '../../bench/harness/text-table.js';
import { invocationOf } from '../../bench/harness.js';

const rateRow = (name: string, rounds: readonly number[]) => ({
  ...{ group: 'g', name, perSecond: median(rounds), errorPercent: 1.5, samples: 30, rounds },
});

const answer: Answer = {
  name: 'sample',
  question: 'How fast are <a> & "b"?',
  note: 'Made up.',
  conditions: conditionsOf(2, 3),
  rates: [rateRow('ours', [20_000, 30_000, 40_000]), rateRow('theirs', [10_000, 10_000, 10_000])],
  distributions: [{ group: 'g', name: 'late', unit: 'ms', ...percentilesOf([1, 2, 3]) }],
  ratios: [],
};

t.test('percentiles are samples that were taken, and the median of an even count lies between two', async (t) => {
  const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
  t.strictSame(percentilesOf(samples), { p50: 50, p90: 90, p99: 99, max: 100, count: 100 });
  t.equal(median([4, 1, 3, 2]), 2.5);
  const rounds = [percentilesOf([1]), percentilesOf([9]), percentilesOf([2])];
  t.strictSame(usualOf(rounds), { p50: 2, p90: 2, p99: 2, max: 9, count: 3 }, 'rounds: the usual one, but the largest');
});

t.test('a ratio is that of the rounds, and says whether the budget is met', async (t) => {
  const row = ratioOf({ group: 'g', of: 'ours', to: 'theirs', atLeast: 3 }, answer.rates);
  t.match(row, { ratio: 3, min: 2, max: 4 });
  t.equal(verdictOf(row), 'budget 3: met');
  t.equal(verdictOf({ ...row, atLeast: 3.1 }), 'budget 3.1: MISSED');
  t.throws(() => ratioOf({ group: 'g', of: 'ours', to: 'nobody' }, answer.rates), /nobody/);
});

t.test('a rate counts items and not calls, and a latency has a sample for each call', async (t) => {
  let calls = 0;
  const cases = [
    rate({ group: 'g', name: 'sync', itemsPerCall: 7, run: () => (calls += 1), check: () => {} }),
    asyncRate({ group: 'g', name: 'async', run: async () => calls, check: () => {} }),
    latency({ group: 'g', name: 'each', repeat: 5, run: () => calls, check: () => {} }),
  ];
  const { rates, distributions } = await runRounds(cases, 2);
  t.strictSame(
    rates.map(({ name, rounds }) => [name, rounds.length]),
    [
      ['sync', 2],
      ['async', 2],
    ],
  );
  t.ok(rates.every(({ perSecond, samples }) => perSecond > 0 && samples >= 6));
  t.match(distributions, [{ name: 'each', unit: 'µs', count: 10 }]);
});

t.test('what a case throws while it is measured ends the run', async (t) => {
  // Beyond the warm-up, so that it is the `benchmark` package that meets the error.
  const brokenAtMs = performance.now() + 500;
  const late = () => {
    if (performance.now() > brokenAtMs) throw new Error('broken');
  };
  await t.rejects(runRounds([rate({ group: 'g', name: 'late', run: late, check: () => {} })], 1000), /broken/);
  const never = async () => Promise.reject(new Error('rejected'));
  await t.rejects(runRounds([asyncRate({ group: 'g', name: 'never', run: never, check: () => {} })], 1), /rejected/);
});

t.test('a bench with a wrong result ends with 1 and without an answer', async (t) => {
  const harness = fileURLToPath(new URL('../../bench/harness.js', import.meta.url));
  const json = join(t.testdir(), 'answer.json');
  const script = `import { ask, rate } from ${JSON.stringify(harness)};
    const wrong = rate({ group: 'g', name: 'n', run: () => 1, check: () => { throw new Error('wrong result'); } });
    await ask({ name: 'n', question: 'q?', note: '', workers: 0, cases: [wrong] });`;
  const args = ['--input-type=module', '-e', script, '--', '--smoke', '--json', json];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  t.equal(status, 1);
  t.match(stderr, 'wrong result');
});

t.test('revisions are compared figure by figure, pair by pair, where both have it', async (t) => {
  const half = { ...answer, rates: [{ ...rateRow('ours', [1]), perSecond: 15_000 }], distributions: [] };
  const rows = changesOf([
    { base: half, ours: answer },
    { base: answer, ours: answer },
    { base: answer, ours: half },
  ]);
  t.strictSame(rows, [
    ['g, ours (rate)', '1.00', '0.50 – 2.00'],
    ['g, theirs (rate)', '1.00', '1.00 – 1.00'],
    ...['p50', 'p99'].map((percentile) => [`g, late (${percentile})`, '1.00', '1.00 – 1.00']),
  ]);
});

t.test('a bench refuses a flag that it does not know, and a count of rounds that is none', async (t) => {
  t.match(invocationOf(['--rounds', '3']), { rounds: 3, isSmoke: false });
  t.throws(() => invocationOf(['--fast']), /--fast/);
  t.throws(() => invocationOf(['--rounds', 'many']), /--rounds: got many, expected 1 or more/);
});

t.test('a chart is XML that says every figure', async (t) => {
  const chart = chartOf(answer);
  const read =
    'import sys, xml.dom.minidom as m; print(" ".join(n.firstChild.data for n in m.parse(sys.stdin.buffer).getElementsByTagName("text")))';
  const texts = execFileSync('python3', ['-c', read], { input: chart, encoding: 'utf8' });
  t.match(texts, /ours 30 000 ± 2 % theirs 10 000 ± 2 %.*late 3 \(p50 2\)/s);
});

t.test('a newer answer takes the place of the older one in the page, and leaves the rest alone', async (t) => {
  const first = withAnswer('# Title\n\nBefore.\n', answer);
  t.ok(first.startsWith('# Title\n\nBefore.\n\n'));
  t.match(first, markdownOf(answer));
  const page = `${first}\nAfter.\n`;
  const second = withAnswer(page, { ...answer, note: 'Anew.' });
  t.equal(second, page.replace('Made up.', 'Anew.'));
});
