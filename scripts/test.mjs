// `npm test [-- FILES AND FLAGS OF TAP]`: set-up, then the tests; the last line is the sum. With `--coverage` a table of the
// covered lines as well, for twice the CPU.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { install, withCluster } from './kubernetes/suite.mjs';
import { coverageTable } from './setup/coverage.mjs';
import { HOW_TO_GET_ENVOY, NO_ENVOY } from './setup/envoy.mjs';
import { createProgress } from './setup/progress.mjs';
import { SetupError } from './setup/run.mjs';
import { PlainFilter, totalsOf } from './setup/tap-totals.mjs';
import { lanesOf, testFiles } from './setup/test-lanes.mjs';
import { setUpTestTools } from './setup/test-tools.mjs';
import { runScript, setUp } from './setup.mjs';

/** Files at once, beside one of those that wait. More only makes tests with real processes wait for each other on a small machine. */
const JOBS = 2;

/** Of these, each wants the cluster; the others run without. */
const CLUSTER_TESTS = 'build/test/cluster/';

/** Each of these wants it for itself: it takes away what the others need. */
const ALONE = `${CLUSTER_TESTS}alone/`;

/** Asks for these alone. */
const ON_CLUSTER = '--cluster';

/** Coverage is a lamp: it is printed when asked for, and does not decide. */
const COVERAGE = '--coverage';

const TAP = 'node_modules/tap/dist/esm/run.mjs';
const WITHOUT_PROCESS_INFO = new URL('setup/without-process-info.mjs', import.meta.url).href;

await runScript(async () => {
  const { envoyPath } = await setUp({ forTests: true });
  if (envoyPath === undefined && process.env.ALLOW_NO_ENVOY !== '1') {
    console.error(`no Envoy: the end-to-end tests will fail; ALLOW_NO_ENVOY=1 skips them.\n${HOW_TO_GET_ENVOY}`);
  }
  const path = envoyPath ?? NO_ENVOY;
  const progress = createProgress();
  const others = await setUpTestTools({ env: process.env, envoyPath: path, progress });
  const args = process.argv.slice(2).filter((arg) => arg !== ON_CLUSTER && arg !== COVERAGE);
  const isCovered = process.argv.includes(COVERAGE);
  const files = args.filter((arg) => !arg.startsWith('-'));
  const onCluster = files.filter((file) => file.startsWith(CLUSTER_TESTS));
  const isAll = files.length === 0 && !process.argv.includes(ON_CLUSTER);
  const tools = { ENVOY_PATH: path, ...others };
  const runs = [];
  if (args.length === 0 && isAll && !isCovered && process.stdout.isTTY !== true) {
    const { waiting, alone, rest } = lanesOf(await testFiles());
    runs.push(...(await Promise.all([runTap(rest, tools), runTap(['--jobs=1', ...waiting], tools)])));
    runs.push(await runTap(['--jobs=1', ...alone], tools));
  } else if (isAll || onCluster.length < files.length) {
    runs.push(
      await runTap(
        args.filter((arg) => !onCluster.includes(arg)),
        tools,
        isCovered,
      ),
    );
    if (isCovered) for (const line of await coverageTable()) console.log(line);
  }
  // After the others, which a whole cluster would starve.
  if (isAll || onCluster.length > 0 || files.length === 0) {
    const flags = args.filter((arg) => arg.startsWith('-'));
    runs.push(...(await runOnCluster(flags, onCluster, { tools, envoyPath, progress })));
  }
  const totals = runs.map(({ tap }) => totalsOf(tap));
  const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map((key) => sumOf(totals, key));
  if (failed === 0) for (const { code } of runs) if (code !== 0) console.log(`a run of tap ended with ${code}`);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = passed + failed + skipped === 0 ? 1 : Math.max(...runs.map(({ code }) => code));
});

function sumOf(totals, key) {
  return totals.reduce((sum, { [key]: count }) => sum + count, 0);
}

/**
 * Runs the tests that want a whole cluster, by default all, on the same one; without it they say themselves what that
 * means. Resolves with what each run of tap gave.
 */
async function runOnCluster(flags, files, { tools, envoyPath, progress }) {
  const isAll = files.length === 0;
  const shared = isAll ? [`${CLUSTER_TESTS}*.test.js`] : files.filter((file) => !file.startsWith(ALONE));
  const alone = isAll ? [`${ALONE}*.test.js`] : files.filter((file) => file.startsWith(ALONE));
  const runAll = async (env) => {
    const runs = [];
    // What runs in pods is what ships, of which coverage tells nothing.
    if (shared.length > 0) runs.push(await runTap([...flags, ...shared], env));
    if (alone.length > 0) runs.push(await runTap([...flags, '--jobs=1', ...alone], env));
    return runs;
  };
  const without = () => runAll({ ...tools, CLUSTER_STATE: 'none' });
  // It was not built, and set-up has said why.
  if (tools.KUBEBUILDER_ASSETS === 'none') return without();
  try {
    return await withCluster({ envoyPath, progress }, async (cluster) => {
      await progress.step('installing Citadel', () => install(cluster));
      return runAll({ ...tools, CLUSTER_PROGRAMS: cluster.programs, CLUSTER_STATE: cluster.state });
    });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    progress.say(`set-up: ${error.message}`);
    return without();
  }
}

/** Runs tap; resolves with its exit code and its raw output. On a terminal it draws, elsewhere plain lines are printed. */
async function runTap(args, tools, isCovered = false) {
  const files = args.some((arg) => !arg.startsWith('-'))
    ? []
    : ['build/test/*.test.js', 'build/test/!(cluster)/**/*.test.js'];
  const coverage = isCovered
    ? ['--coverage-report=json-summary', '--allow-incomplete-coverage']
    : ['--disable-coverage'];
  const common = [
    ...(isCovered ? [] : [`--import=${WITHOUT_PROCESS_INFO}`]),
    ...[TAP, 'run', `--jobs=${JOBS}`, ...coverage, ...args, ...files],
  ];
  const env = { ...process.env, ...tools };
  return process.stdout.isTTY === true ? runDrawn(common, env) : runPlain(common, env);
}

async function runDrawn(args, env) {
  const directory = await mkdtemp(join(tmpdir(), 'sidecert-tap-'));
  try {
    const output = join(directory, 'output.tap');
    const tap = spawn(process.execPath, [...args, '--reporter=terse', `--output-file=${output}`], {
      env,
      stdio: 'inherit',
    });
    const code = await endOf(tap);
    return { code, tap: await readFile(output, 'utf8').catch(() => '') };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function runPlain(args, env) {
  const tap = spawn(process.execPath, [...args, '--reporter=tap'], { env, stdio: ['inherit', 'pipe', 'inherit'] });
  const filter = new PlainFilter();
  const lines = [];
  createInterface({ input: tap.stdout }).on('line', (line) => {
    lines.push(line);
    if (filter.keeps(line)) console.log(line);
  });
  return { code: await endOf(tap), tap: lines.join('\n') };
}

function endOf(child) {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
