// Builds the project twice from one source tree:
//   build/  every .ts file of src/, test/ and bench/ on its own, for tests and benches (no bundling, source maps)
//   dist/   what ships: one minified bundle per entry point, without node_modules
// esbuild only strips types; `npm run typecheck` is what checks them.
import { chmod, cp, readdir, readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const common = {
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  sourcemap: true,
  logLevel: 'warning',
};

/** All source files below `directory`, the generated .js of src/rpc/gen among them, as paths relative to the project. */
async function sources(directory) {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && /(?<!\.d)\.ts$|\.js$/.test(entry.name))
    .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`);
}

export async function buildForTests() {
  const entryPoints = (await Promise.all(['src', 'test', 'bench'].map(sources))).flat();
  await rm('build', { recursive: true, force: true });
  await build({ ...common, entryPoints, outdir: 'build', outbase: '.' });
  await copyAddon('build/src/addon');
}

/** Puts the addon, if it was built, beside the module that loads it. */
async function copyAddon(directory) {
  await cp('prebuilds', `${directory}/prebuilds`, { recursive: true }).catch((error) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/**
 * The entry points stay apart because a worker thread must load nothing but the hot path. Piscina starts each thread
 * with a file of its own, which then loads ours; all three in one build, so that both sides share Piscina's symbols.
 */
const BUNDLE_ENTRIES = {
  sidecert: 'src/cli/main.ts',
  worker: 'src/hotpath/worker.ts',
  'piscina/worker': 'node_modules/piscina/dist/worker.js',
};

/** Piscina looks for its thread file beside its own module, where a bundle has ours: point it to `dist/piscina/`. */
const piscinaThreadFile = {
  name: 'piscina-thread-file',
  setup({ onLoad }) {
    onLoad({ filter: /\/piscina\/dist\/index\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source.replace("(__dirname, 'worker.js')", "($directory, 'piscina/worker.js')");
      if (contents === source) throw new Error(`${path}: the path of the thread file is no longer where it was`);
      return { contents };
    });
  },
};

export async function buildForShipping() {
  await rm('dist', { recursive: true, force: true });
  await build({
    ...common,
    entryPoints: BUNDLE_ENTRIES,
    outdir: 'dist',
    bundle: true,
    splitting: true,
    minify: true,
    sourcemap: false,
    legalComments: 'none',
    chunkNames: 'chunk-[hash]',
    plugins: [piscinaThreadFile],
    // Only for Piscina's `niceIncrement`, which we do not use.
    external: ['@napi-rs/nice'],
    // grpc-js and piscina are CommonJS: inside an ES module they need a `require` of their own.
    banner: {
      js:
        "import{createRequire as $createRequire}from'node:module';" +
        'const require=$createRequire(import.meta.url),$directory=import.meta.dirname;',
    },
  });
  await copyAddon('dist');
  await chmod('dist/sidecert.js', 0o755);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await Promise.all([buildForTests(), buildForShipping()]);
}
