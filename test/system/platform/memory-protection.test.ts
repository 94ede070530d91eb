import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { protectMemory } from '../../../src/system/platform/index.js';
import { NO_ADDON } from '../../hotpath/implementations.js';

const works = (): void => {};
const fails = (message: string) => (): never => {
  throw new Error(message);
};

const cases = [
  {
    name: 'with the addon all is forbidden',
    calls: { writeCoreFilter: works, forbidDumping: works, changeCredentials: fails('not needed') },
    usesAddon: true,
    want: { isKeptOutOfCoreFiles: true, isClosedToOthers: true },
  },
  {
    name: 'without /proc the addon is enough',
    calls: { writeCoreFilter: fails('no /proc'), forbidDumping: works, changeCredentials: fails('not needed') },
    usesAddon: true,
    want: { isKeptOutOfCoreFiles: true, isClosedToOthers: true },
  },
  {
    name: 'an addon that cannot is replaced by a change of credentials',
    calls: { writeCoreFilter: works, forbidDumping: fails('EPERM'), changeCredentials: works },
    usesAddon: true,
    want: { isKeptOutOfCoreFiles: true, isClosedToOthers: true },
  },
  {
    name: 'an addon that is not wanted is not asked',
    calls: { writeCoreFilter: works, forbidDumping: works, changeCredentials: fails('only root') },
    usesAddon: false,
    want: { isKeptOutOfCoreFiles: true, isClosedToOthers: false, reason: 'the addon is not used; only root' },
  },
  {
    name: 'what is left open is said with all reasons',
    calls: { writeCoreFilter: fails('no /proc'), forbidDumping: works, changeCredentials: fails('only root') },
    usesAddon: false,
    want: {
      isKeptOutOfCoreFiles: false,
      isClosedToOthers: false,
      reason: 'the addon is not used; only root; no /proc',
    },
  },
];
for (const { name, calls, usesAddon, want } of cases) {
  t.test(name, async (t) => t.strictSame(protectMemory({ usesAddon }, calls), want));
}

/** What a program crashes with, as bytes in its memory alone. */
const MARK = 'THE-MARK-IN-MEMORY';
const module = JSON.stringify(new URL('../../../src/system/platform/index.js', import.meta.url).href);

/** Crashes as a user, with core files allowed. Says which files it left, and whether memory is in them. */
function crash(t: Test, { as, protection }: { as: readonly string[]; protection: string }) {
  const directory = t.testdir();
  chmodSync(directory, 0o777);
  const program = `
    import { protectMemory } from ${module};
    globalThis.mark = Buffer.allocUnsafeSlow(64);
    globalThis.mark.write(['THE', 'MARK', 'IN', 'MEMORY'].join('-'));
    ${protection}
    process.kill(process.pid, 'SIGSEGV');
    setTimeout(() => {}, 10_000);`;
  const node = [process.execPath, '--input-type=module', '-e', program];
  const { signal } = spawnSync('sh', ['-c', 'ulimit -c unlimited && cd "$0" && exec "$@"', directory, ...as, ...node], {
    stdio: 'ignore',
  });
  t.equal(signal, 'SIGSEGV');
  const files = readdirSync(directory);
  return { files, holdsMemory: files.some((name) => readFileSync(join(directory, name)).includes(MARK)) };
}

const isRoot = process.getuid?.() === 0;
const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
const hasSetpriv = spawnSync('setpriv', ['--version']).error === undefined;
/** Where the kernel gives core files to a program they are not in the directory. (core(5)) */
const hasCoreFiles = /^core/.test(readCorePattern());
const skip = !hasCoreFiles && 'core files go elsewhere';

function readCorePattern(): string {
  try {
    return readFileSync('/proc/sys/kernel/core_pattern', 'latin1');
  } catch {
    return '';
  }
}

t.test('a process that is not protected leaves its memory in a core file', { skip }, async (t) => {
  t.ok(crash(t, { as: [], protection: '' }).holdsMemory, 'so the tests below see something');
});

t.test('with the addon there is no core file', { skip: skip || NO_ADDON }, async (t) => {
  t.strictSame(crash(t, { as: [], protection: 'protectMemory({ usesAddon: true });' }).files, []);
});

t.test('without the addon root leaves no core file', { skip: skip || (!isRoot && 'not root') }, async (t) => {
  t.strictSame(crash(t, { as: [], protection: 'protectMemory({ usesAddon: false });' }).files, []);
});

t.test('without the addon no memory is in the core file of another user', { skip }, async (t) => {
  const as = isRoot && hasSetpriv ? NOBODY : [];
  t.notOk(crash(t, { as, protection: 'protectMemory({ usesAddon: false });' }).holdsMemory);
});
