/** A result line of TAP 14 at any depth: indentation, outcome, description, directive. */
const RESULT = /^( *)(not ok|ok) \d+(?: - (.*?))?(?: # (SKIP|TODO)\b.*)?(?: # time=.*)?$/i;
const SUBTEST = /^( *)# Subtest: /;
const INDENT = 4;

/**
 * Counts the innermost tests of tap's raw output: `{ passed, failed, skipped }`. One test is one behaviour, however many
 * assertions it makes. A test around others counts only when it failed and none of them did; a file without subtests
 * counts as one test.
 */
export function totalsOf(tap) {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  /** Per depth: the subtests open there, each with how many tests it holds and how many of them failed. */
  const open = [];
  let isYaml = false;
  for (const line of tap.split('\n')) {
    // A diagnostic block may quote anything, even lines of TAP.
    if (/^ *---$/.test(line)) isYaml = true;
    else if (/^ *\.\.\.$/.test(line)) isYaml = false;
    if (isYaml) continue;
    const subtest = SUBTEST.exec(line);
    if (subtest !== null) open[subtest[1].length / INDENT] = { tests: 0, failed: 0 };
    const result = RESULT.exec(line);
    if (result === null) continue;
    const depth = result[1].length / INDENT;
    const own = open[depth];
    open[depth] = undefined;
    const counted = verdictOf(result, own);
    if (counted === undefined) continue;
    totals[counted] += 1;
    for (const outer of open.slice(0, depth)) {
      if (outer === undefined) continue;
      outer.tests += 1;
      if (counted === 'failed') outer.failed += 1;
    }
  }
  return totals;
}

function verdictOf([, , outcome, , directive], subtest) {
  if (directive !== undefined) return 'skipped';
  if (subtest === undefined) return undefined;
  if (outcome === 'not ok') return subtest.failed === 0 ? 'failed' : undefined;
  return subtest.tests === 0 ? 'passed' : undefined;
}

/** Framing of TAP, and tap's own words on coverage, which count dist/ as well: coverage.mjs tells what counts. */
const NOISE = /^(TAP version|1\.\.\d|# Subtest|# ERROR: incomplete|# No coverage|json-summary report)/;

/** Decides line by line what of tap's raw output is worth reading: files, failures with their diagnostics, and tables. */
export class PlainFilter {
  #isFailure = false;
  #isYaml = false;

  keeps(line) {
    if (/^ *---$/.test(line)) this.#isYaml = true;
    if (this.#isYaml) {
      if (/^ *\.\.\.$/.test(line)) this.#isYaml = false;
      return this.#isFailure;
    }
    this.#isFailure = /^ *not ok /.test(line);
    if (this.#isFailure) return true;
    return /^\S/.test(line) && !NOISE.test(line);
  }
}
