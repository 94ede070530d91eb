// `npm run test:asan`: the tests of the hot path and of the sockets with an addon that checks its own memory and undefined
// behaviour.
// The sanitizer comes first into Node by LD_PRELOAD; leaks are not looked for, because Node itself leaves some at its end.
import { execFileSync, spawnSync } from 'node:child_process';
import { buildForTests, testWithAddons } from './build.mjs';
import { buildAddons } from './build-native.mjs';

const SANITIZED = '.cache/sanitized';

await buildAddons({ out: SANITIZED, sanitize: 'address,undefined' });
await buildForTests();
await testWithAddons(SANITIZED);
const library = execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
const env = {
  ...process.env,
  LD_PRELOAD: library,
  ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
};
const files = process.argv.slice(2);
const SOCKETS = [
  'net/transport/hub-wire',
  'net/transport/unix-listener',
  'net/grpc/grpc-server',
  'hostile/floods',
  'hostile/slow-peers',
];
const wanted =
  files.length > 0
    ? files
    : [
        ...['system/addon', 'system/platform', 'hotpath'].map((room) => `build/test/${room}/*.test.js`),
        ...SOCKETS.map((name) => `build/test/${name}.test.js`),
      ];
// A file may take some ten times as long as without.
const tap = ['node_modules/tap/dist/esm/run.mjs', 'run', '--disable-coverage', '--jobs=2', '--timeout=1200'];
const { status } = spawnSync(process.execPath, [...tap, ...wanted], { stdio: 'inherit', env });
// What was built here is slow: the next set-up builds anew.
await buildForTests();
process.exitCode = status ?? 1;
