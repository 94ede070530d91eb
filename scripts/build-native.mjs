// `npm run build:native`: compiles the addon of the program and that of tests and benches into prebuilds/PLATFORM-ARCH,
// where scripts/build.mjs takes them from. For tests: --out FOLDER elsewhere, --sanitize address,undefined with
// sanitizers, --nodedir DIR against the headers of another Node.
//
// Nothing is downloaded: the headers are those beside the running Node. N-API keeps its promise between versions of
// Node, so one file serves 20, 22 and 24.
import { access, copyFile, cp, mkdir, rename, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { addonRevision, SHIPPED_ADDON, TEST_ADDON } from './setup/addon-revision.mjs';
import { findHeaders } from './setup/node-headers.mjs';
import { excerpt, run, SetupError } from './setup/run.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

export const ADDON_FOLDER = `prebuilds/${process.platform}-${process.arch}`;

/** All that the addons are made of. */
export const ADDON_SOURCES = ['binding.gyp', 'native', 'scripts/build-native.mjs', 'scripts/setup/node-headers.mjs'];

/** What the build needs on the PATH, and is not there. */
export async function missingTools(env = process.env) {
  const wanted = [[env.CXX || 'c++', 'g++', 'clang++'], ['make', 'gmake'], [env.PYTHON || 'python3']];
  const missing = [];
  for (const names of wanted) {
    const found = await Promise.all(names.map((name) => isOnPath(name, env)));
    if (!found.includes(true)) missing.push(names[0]);
  }
  return missing;
}

/** For another machine than this one `env` names its compiler. @throws SetupError with what the compiler said. */
export async function buildAddons({ out = ADDON_FOLDER, sanitize = '', nodedir, timeoutMs, env } = {}) {
  // Not in the tree itself: node-gyp builds in `build`, which is where the tests are built.
  const work = join('.cache', `native${sanitize === '' ? '' : '-sanitized'}-${process.pid}`);
  try {
    await mkdir(work, { recursive: true });
    await cp('native', join(work, 'native'), { recursive: true });
    await copyFile('binding.gyp', join(work, 'binding.gyp'));
    const headers = nodedir ?? (await findHeaders());
    const args = [
      ...['node_modules/node-gyp/bin/node-gyp.js', 'rebuild', '-C', work, '--jobs', String(cpus().length)],
      ...(headers === undefined ? [] : ['--nodedir', resolve(headers)]),
      ...['--', `-Drevision=${await addonRevision()}`, ...(sanitize === '' ? [] : [`-Dsanitize=${sanitize}`])],
    ];
    const { code, output } = await run(process.execPath, args, { timeoutMs, env });
    if (code !== 0) throw new SetupError(`it does not compile:\n${excerpt(reasonsIn(output))}`);
    await mkdir(out, { recursive: true });
    for (const name of [SHIPPED_ADDON, TEST_ADDON]) {
      const file = join(out, name);
      // A rename, because a process may have the old file mapped.
      await copyFile(join(work, 'build/Release', name), `${file}.${process.pid}`);
      await rename(`${file}.${process.pid}`, file);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The lines that say why: node-gyp wraps them in many that do not. */
function reasonsIn(output) {
  const lines = output.split('\n').filter((line) => /error|Error|warning:|not found/.test(line));
  return lines.length > 0 ? lines.join('\n') : output;
}

async function isOnPath(name, env) {
  const places = name.includes('/') ? [name] : (env.PATH ?? '').split(delimiter).map((folder) => join(folder, name));
  const found = await Promise.all(
    places.map((place) =>
      access(place).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = { out: { type: 'string' }, sanitize: { type: 'string' }, nodedir: { type: 'string' } };
  const { values } = parseArgs({ options });
  try {
    await buildAddons(values);
    console.log(`built ${values.out ?? ADDON_FOLDER}`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`build:native: ${error.message}`);
    process.exitCode = 1;
  }
}
