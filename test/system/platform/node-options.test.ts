import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import t from 'tap';
import { refuseOpenMemory, splitNodeOptions } from '../../../src/system/platform/index.js';

const CLOSED = { inspectorUrl: undefined, reportsOn: [] };

/** Spellings of one option; whether Node.js takes them for it is what a heap profile in the directory says. */
const spellings = [
  '--heap-prof',
  '--heap_prof',
  '"--heap-prof"',
  '--heap"-"prof',
  '"--heap\\-prof"',
  '--heap-prof=true',
  '--no-warnings --heap-prof',
  '--no-warnings  "--heap_prof" ',
  '--title a\\ --heap-prof',
  '--title="a --heap-prof"',
  '--title="a \\" --heap-prof"',
  '--title=--heap-prof',
  '--max-old-space-size=64',
  '',
];
for (const text of spellings) {
  t.test(`NODE_OPTIONS='${text}' is read as Node.js reads it`, async (t) => {
    const cwd = t.testdir();
    // By env(1): the test runner puts options of its own into those that spawn is given.
    const { status } = spawnSync('env', [`NODE_OPTIONS=${text}`, process.execPath, '-e', '0'], { cwd });
    t.equal(status, 0);
    const isOn = readdirSync(cwd).length > 0;
    rmSync(cwd, { recursive: true });
    const judge = (): void => refuseOpenMemory(splitNodeOptions(text), CLOSED);
    if (isOn) t.throws(judge, { code: 'ERR_CONFIG_INVALID', message: /^node options: got --heap.prof, expected/ });
    else t.doesNotThrow(judge);
  });
}

const opening = [
  '--inspect',
  '--inspect-brk=0.0.0.0:9229',
  '--inspect_wait',
  '--inspect-port=9000',
  '--experimental-network-inspection',
  '--heapsnapshot-signal=SIGUSR2',
  '--heapsnapshot_signal=SIGUSR2',
  '--heapsnapshot-near-heap-limit=1',
  '--heap-prof-dir=/tmp',
  '--cpu-prof',
  '--cpu_prof',
  '--prof',
  '--report-on-signal',
  '--report_on_signal',
  '--report-uncaught-exception',
  '--abort-on-uncaught-exception',
  '--abort_on_uncaught_exception',
  '--tls-keylog=/tmp/keys',
  '--tls_keylog=/tmp/keys',
  '--trace-tls',
  '--trace-event-categories=node',
  '--diagnostic-dir=/tmp',
  '--build-snapshot',
  '--env-file=.env',
  '--experimental-default-config-file',
  '--expose-internals',
  '--watch',
  '--an-option-of-a-later-node',
];
for (const option of opening) {
  t.test(`a process started with ${option} refuses to hold keys`, async (t) => {
    t.throws(() => refuseOpenMemory(['--trace-warnings', option], CLOSED), {
      code: 'ERR_CONFIG_INVALID',
      message: new RegExp(`got ${option.split('=')[0]}, expected`),
    });
  });
}

const harmless = [
  [],
  ['--max-old-space-size=64', '--max_semi_space_size=2', '--no-warnings', '--no_deprecation'],
  ['--import', 'file:///preload.mjs', '--require=./other.cjs', '-r', './third.cjs', '--enable-source-maps'],
  ['--disable-sigusr1', '--use-openssl-ca', '--enable-fips', '--tls-min-v1.3', '--unhandled-rejections=strict'],
];
for (const options of harmless) {
  t.test(`a process started with [${options.join(' ')}] holds keys`, async (t) => {
    t.doesNotThrow(() => refuseOpenMemory(options, CLOSED));
  });
}

t.test('what Node.js says is open is refused, whatever was read', async (t) => {
  t.throws(() => refuseOpenMemory([], { ...CLOSED, inspectorUrl: 'ws://127.0.0.1:9229/x' }), {
    code: 'ERR_CONFIG_INVALID',
    message: /got an open inspector/,
  });
  t.throws(() => refuseOpenMemory([], { ...CLOSED, reportsOn: ['signal', 'fatal error'] }), {
    code: 'ERR_CONFIG_INVALID',
    message: /got diagnostic reports on signal, fatal error/,
  });
});

const module = JSON.stringify(new URL('../../../src/system/platform/index.js', import.meta.url).href);
const asked = [
  { options: [], said: /^closed$/ },
  {
    options: ['--report_on_signal', '--report-on-fatalerror'],
    said: /got diagnostic reports on signal, fatal error, expected none/,
  },
  { options: ['--report-uncaught-exception'], said: /got diagnostic reports on uncaught exception, expected none/ },
  { options: ['--inspect=127.0.0.1:0'], said: /got an open inspector, expected none/ },
];
for (const { options, said } of asked) {
  t.test(`Node.js is asked for what [${options.join(' ')}] has opened`, async (t) => {
    // Of its options nothing is told.
    const program = `
      import { refuseOpenMemory } from ${module};
      try { refuseOpenMemory([]); console.log('closed'); } catch (error) { console.log(error.message); }`;
    const args = [...options, '--input-type=module', '-e', program];
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    t.match(stdout.trimEnd(), said);
  });
}
