// `npm test [-- FILES AND FLAGS OF TAP]`: set-up, then the tests; the last line is the sum.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { HOW_TO_GET_ENVOY, NO_ENVOY } from './setup/envoy.mjs';
import { PlainFilter, totalsOf } from './setup/tap-totals.mjs';
import { runScript, setUp } from './setup.mjs';

/** Files at once. More only makes tests with real processes wait for each other on a small machine. */
const JOBS = 2;

await runScript(async () => {
  const { envoyPath } = await setUp();
  if (envoyPath === undefined && process.env.ALLOW_NO_ENVOY !== '1') {
    console.error(`no Envoy: the end-to-end tests will fail; ALLOW_NO_ENVOY=1 skips them.\n${HOW_TO_GET_ENVOY}`);
  }
  const directory = await mkdtemp(join(tmpdir(), 'sidecert-tap-'));
  try {
    const output = join(directory, 'output.tap');
    process.exitCode = await runTap(output, process.argv.slice(2), envoyPath ?? NO_ENVOY);
    const { passed, failed, skipped } = totalsOf(await readFile(output, 'utf8').catch(() => ''));
    console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
    if (passed + failed + skipped === 0) process.exitCode ||= 1;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

/** On a terminal tap draws; elsewhere its raw output is printed as far as it is worth reading. */
function runTap(outputFile, args, envoyPath) {
  const isTerminal = process.stdout.isTTY === true;
  const files = args.some((arg) => !arg.startsWith('-')) ? [] : ['build/test/**/*.test.js'];
  const flags = [
    `--jobs=${JOBS}`,
    `--reporter=${isTerminal ? 'terse' : 'tap'}`,
    `--output-file=${outputFile}`,
    // Coverage is a lamp: it is printed, and does not decide.
    '--allow-incomplete-coverage',
  ];
  const tap = spawn(process.execPath, ['node_modules/tap/dist/esm/run.mjs', 'run', ...flags, ...args, ...files], {
    env: { ...process.env, ENVOY_PATH: envoyPath },
    stdio: ['inherit', isTerminal ? 'inherit' : 'pipe', 'inherit'],
  });
  const filter = new PlainFilter();
  if (tap.stdout !== null) {
    createInterface({ input: tap.stdout }).on('line', (line) => {
      if (filter.keeps(line)) console.log(line);
    });
  }
  return new Promise((resolve, reject) => {
    tap.on('error', reject);
    tap.on('close', (code) => resolve(code ?? 1));
  });
}
