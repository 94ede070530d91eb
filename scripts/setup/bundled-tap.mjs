import { access, mkdir, writeFile } from 'node:fs/promises';

/** In the folder of the runner that was built, which a reinstall resets. */
export const TAP_STAMP = 'node_modules/@tapjs/test/test-built/.sidecert-stamp';

/** What tests get for `tap`: Node.js looks here before it comes to the packages of the project. */
export const BUNDLED_TAP = 'build/node_modules/tap';

/** Tap leaves the lines of a package of this scope out of the stacks that it shows. */
const MAIN = './node_modules/@tapjs/bundled/index.js';

/**
 * Puts tap, as the runner was built, into one file for the tests: each test file is a process, and tap is some 250 modules, which
 * took half of the CPU time of its start. Does nothing when the runner has not been built yet; the step that builds it comes here, too.
 */
export async function bundleTap() {
  const isPrepared = await access(TAP_STAMP).then(
    () => true,
    () => false,
  );
  if (!isPrepared) return;
  const { build } = await import('esbuild');
  await build({
    entryPoints: ['node_modules/tap/dist/esm/index.js'],
    outfile: `${BUNDLED_TAP}/${MAIN}`,
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20.19', logLevel: 'warning' },
    // Of this one there is one in each process: with coverage it is loaded before the test.
    external: ['@tapjs/processinfo'],
    banner: {
      js: "import{createRequire as $createRequire}from'node:module';const require=$createRequire(import.meta.url);",
    },
  });
  await mkdir(BUNDLED_TAP, { recursive: true });
  await writeFile(`${BUNDLED_TAP}/package.json`, `${JSON.stringify({ name: 'tap', type: 'module', main: MAIN })}\n`);
}
