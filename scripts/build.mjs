// Builds the project twice from one source tree:
//   build/  every .ts file of src/, test/ and bench/ on its own, for tests and benches (no bundling, source maps)
//   dist/   what ships: minified bundles, without node_modules
// esbuild only strips types; `npm run typecheck` is what checks them.
import { chmod, copyFile, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { ADDON_FOLDER } from './build-native.mjs';
import { makeCodeCaches } from './code-cache.mjs';
import { billOfMaterials, provenance } from './sbom.mjs';
import { addonRevision, SHIPPED_ADDON, stateOfAddons, TEST_ADDON } from './setup/addon-revision.mjs';
import { bundleTap } from './setup/bundled-tap.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const common = {
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  sourcemap: true,
  logLevel: 'warning',
  define: { ADDON_REVISION: JSON.stringify(await addonRevision()), ...(await browserParts()) },
};

/** What runs in the browser of who looks at the status page, as texts that the page is put together of. */
async function browserParts() {
  const folder = 'src/status/page/browser';
  const small = { bundle: true, minify: true, write: false, charset: 'ascii', logLevel: 'warning' };
  const [style, script] = await Promise.all([
    build({ ...small, entryPoints: [`${folder}/page.css`] }),
    build({ ...small, entryPoints: [`${folder}/live.ts`], format: 'iife', target: 'es2022' }),
  ]);
  const textOf = ({ outputFiles: [file] }) => JSON.stringify(file.text.trim());
  return { PAGE_STYLE: textOf(style), PAGE_SCRIPT: textOf(script) };
}

/** All source files below `directory`, the generated .js among them, as paths relative to the project. */
async function sources(directory) {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return (
    entries
      .filter((entry) => entry.isFile() && /(?<!\.d)\.ts$|\.js$/.test(entry.name))
      .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`)
      // What runs in a browser is a part of a page.
      .filter((path) => !path.includes('/browser/'))
  );
}

export async function buildForTests() {
  const entryPoints = (await Promise.all(['src', 'test', 'bench'].map(sources))).flat();
  await rm('build', { recursive: true, force: true });
  await build({ ...common, entryPoints, outdir: 'build', outbase: '.' });
  await copyAddon(SHIPPED_ADDON, ADDON_PLACE);
  await copyAddon(TEST_ADDON, TEST_ADDON_PLACE);
  await bundleTap();
}

/** Beside the modules that load them. */
const ADDON_PLACE = 'build/src/system/addon';
const TEST_ADDON_PLACE = 'build/test/support';

/** Has the tests load the addons of this folder until the next build. */
export async function testWithAddons(folder) {
  for (const [name, place] of [
    [SHIPPED_ADDON, ADDON_PLACE],
    [TEST_ADDON, TEST_ADDON_PLACE],
  ]) {
    await mkdir(join(place, ADDON_FOLDER), { recursive: true });
    await copyFile(join(folder, name), join(place, ADDON_FOLDER, name));
  }
}

/** Puts one of the addons, if it was built, for each machine that it was built for, and nothing else, below `place`. */
async function copyAddon(name, place) {
  const machines = await readdir('prebuilds').catch(() => []);
  for (const machine of machines) {
    const built = join('prebuilds', machine, name);
    await cp(built, join(place, built)).catch((error) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}

const shipped = {
  ...common,
  metafile: true,
  bundle: true,
  minify: true,
  sourcemap: false,
  legalComments: 'none',
  charset: 'ascii',
};

/** Leaves out what only other commands need, the signing of leaves too: each is an `import()` of its own, which an agent never comes to. */
const agentOnly = {
  name: 'agent-only',
  setup({ onResolve }) {
    const isOfOthers =
      /\/(start-citadel|start-injector|check-health|kube-inject|[a-z-]+-command|policy-report|root-change)\.js$|\/(demo|envoy-bootstrap|fleet|kubernetes\/inject)\/index\.js$|\/js\/(issue|loaded-signer)\.js$/;
    onResolve({ filter: isOfOthers }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    );
  },
};

/**
 * The same of the health check. What dials a Citadel lies in a file of its own, since it brings TLS: the agent's probe, which is a
 * process every few seconds, loads neither.
 */
const healthOnly = {
  name: 'health-only',
  setup({ onResolve }) {
    // Of what is loaded when it is needed it has its own alone.
    onResolve({ filter: /^\./ }, ({ kind, path }) =>
      kind === 'dynamic-import' && !/\/(check-health|citadel-peer)\.js$/.test(path)
        ? { path, external: true }
        : undefined,
    );
    onResolve({ filter: /\/citadel-peer\.js$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './citadel-peer.js', external: true } : undefined,
    );
  },
};

/** grpc-js reads the definitions of two services with it, channelz and ORCA, when someone offers these; we never do. */
const withoutProtoLoader = {
  name: 'without-proto-loader',
  setup({ onResolve }) {
    onResolve({ filter: /^@grpc\/proto-loader$/ }, ({ path }) => ({ path, external: true }));
  },
};

/** The pool is a file of its own, since most agents never load it: the text of a bundle stays in memory as long as its process lives. */
const poolApart = {
  name: 'pool-apart',
  setup({ onResolve }) {
    onResolve({ filter: /^piscina$/ }, () => ({ path: './threads/piscina/pool.cjs', external: true }));
  },
};

/** What server reflection is answered from is a file of its own, which an agent reads when somebody asks. */
const reflectionApart = {
  name: 'reflection-apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/reflection-codec\.js$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './reflection.js', external: true } : undefined,
    );
  },
};

/** The status page for people is a file of its own, which any command reads when somebody asks for that page. */
const pageApart = {
  name: 'page-apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/page\/index\.js$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './page.js', external: true } : undefined,
    );
  },
};

/** What records and sends traces is a file of its own, which agent and Citadel read where a collector is configured. */
const tracingApart = {
  name: 'tracing-apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/tracing\/index\.js$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './tracing.js', external: true } : undefined,
    );
  },
};

/** The databases of an inventory are files of their own, which Citadel's thread and `sidecert certs` read when they want one. */
function databasesApart(directory) {
  return {
    name: 'databases-apart',
    setup({ onResolve }) {
      onResolve({ filter: /^\.\/(sqlite|postgres)\.js$/ }, ({ path, kind }) =>
        kind === 'dynamic-import' ? { path: path.replace(/^\./, directory), external: true } : undefined,
      );
    },
  };
}

/**
 * What ships:
 *   dist/sidecert.js                  the program: starts one of the two bundles (src/cli/launch.ts)
 *   dist/agent.js, dist/commands.js   the agent, and all commands: CommonJS, for only that can have a code cache
 *   dist/health.js                    the health check alone, and dist/citadel-peer.js what it dials a Citadel with
 *   dist/agent.cache, ...             V8's code of the bundles (scripts/code-cache.mjs)
 *   dist/reflection.js                what both load when somebody asks them for their services
 *   dist/page.js                      what both load when somebody looks at their status page
 *   dist/tracing.js                   what both load when they have a collector of traces
 *   dist/sqlite.js, dist/postgres.js  what an inventory is written and read with
 *   dist/threads/                     what runs in a thread: ES modules that load nothing but the hot path; the addon;
 *                                     and token-process.js, which holds the module of a token
 *   dist/sbom.cdx.json                what the bundles hold (CycloneDX)
 *   dist/provenance.json              which sources they come from (in-toto, SLSA)
 *   dist/threads/piscina/             what both load when they need threads, beside the file that each thread starts with
 */
export async function buildForShipping() {
  await rm('dist', { recursive: true, force: true });
  const built = await Promise.all([
    ...[
      bundleOf('agent', 'src/cli/main.ts', [agentOnly]),
      bundleOf('health', 'src/cli/main-health.ts', [healthOnly]),
      bundleOf('citadel-peer', 'src/app/health/citadel-peer.ts', []),
      bundleOf('commands', 'src/cli/main.ts', []),
      pool(),
      reflection(),
      page(),
      tracing(),
      databases(),
      launcher(),
      threads(),
    ],
  ]);
  await writeFile('dist/package.json', '{"type":"commonjs"}\n');
  await writeFile('dist/threads/package.json', '{"type":"module"}\n');
  await copyAddon(SHIPPED_ADDON, 'dist/threads');
  await chmod('dist/sidecert.js', 0o755);
  await makeCodeCaches();
  const bill = await billOfMaterials(built.map(({ metafile }) => metafile));
  await writeFile('dist/sbom.cdx.json', `${JSON.stringify(bill, undefined, 2)}\n`);
  await writeFile('dist/provenance.json', `${JSON.stringify(await provenance('dist'), undefined, 2)}\n`);
}

function bundleOf(name, entry, plugins) {
  return build({
    ...shipped,
    format: 'cjs',
    entryPoints: { [name]: entry },
    outdir: 'dist',
    plugins: [withoutProtoLoader, poolApart, reflectionApart, pageApart, tracingApart, databasesApart('.'), ...plugins],
    // A script of node:vm knows `require` alone.
    supported: { 'dynamic-import': false },
    // Files that a module names beside itself are those of the threads.
    define: { ...common.define, 'import.meta.url': '$threads.url' },
    banner: {
      // As globals, `Buffer` and `process` are asked for by a call of Node's each time.
      js:
        "const{Buffer}=require('node:buffer'),process=require('node:process')," +
        "$directory=require('node:path').join(__dirname,'threads')," +
        // Only what starts a thread asks for it.
        "$threads={get url(){return require('node:url').pathToFileURL($directory+'/').href}};",
    },
  });
}

/** Only for Piscina's `niceIncrement`, which we do not use. */
const UNUSED_BY_PISCINA = ['@napi-rs/nice'];

/** Piscina looks for the file of its threads beside its own: so it lies where {@link threads} puts that. */
function pool() {
  return build({
    ...shipped,
    format: 'cjs',
    entryPoints: { pool: 'piscina' },
    outdir: 'dist/threads/piscina',
    outExtension: { '.js': '.cjs' },
    external: UNUSED_BY_PISCINA,
  });
}

function reflection() {
  const entryPoints = { reflection: 'src/net/grpc/reflection/reflection-codec.ts' };
  return build({ ...shipped, format: 'cjs', entryPoints, outdir: 'dist' });
}

function page() {
  const entryPoints = { page: 'src/status/page/index.ts' };
  // As in the launcher.
  const logOverride = { 'empty-import-meta': 'silent' };
  return build({ ...shipped, format: 'cjs', entryPoints, outdir: 'dist', logOverride });
}

function tracing() {
  const entryPoints = { tracing: 'src/tracing/index.ts' };
  // As in the launcher.
  const logOverride = { 'empty-import-meta': 'silent' };
  return build({ ...shipped, format: 'cjs', entryPoints, outdir: 'dist', logOverride });
}

function databases() {
  const entryPoints = ['sqlite', 'postgres'].map((name) => `src/citadel/inventory/${name}.ts`);
  // What a Node.js has that comes with SQLite, and pg only has for other systems, is not brought along.
  const external = ['node-sqlite3-wasm', 'pg-native', 'pg-cloudflare'];
  return build({ ...shipped, format: 'cjs', entryPoints, outdir: 'dist', external });
}

function launcher() {
  const entryPoints = { sidecert: 'src/cli/launch.ts' };
  return build({
    ...shipped,
    format: 'cjs',
    entryPoints,
    outdir: 'dist',
    banner: { js: '#!/usr/bin/env node' },
    // Nothing of it stays, but esbuild reads the room that the flags of V8 are in.
    logOverride: { 'empty-import-meta': 'silent' },
  });
}

/** Piscina starts each thread with a file of its own, which then loads ours: in one build, so that they share its symbols. */
function threads() {
  return build({
    ...shipped,
    entryPoints: {
      worker: 'src/hotpath/worker.ts',
      'token-process': 'src/system/pkcs11/token-process.ts',
      'piscina/worker': 'node_modules/piscina/dist/worker.js',
      'ping-worker': 'src/fleet/ping/ping-worker.ts',
      'inventory-thread': 'src/citadel/inventory/inventory-thread.ts',
    },
    outdir: 'dist/threads',
    plugins: [databasesApart('..')],
    splitting: true,
    chunkNames: 'chunk-[hash]',
    external: UNUSED_BY_PISCINA,
    // Piscina is CommonJS: inside an ES module it needs a `require` of its own.
    banner: {
      js: "import{createRequire as $createRequire}from'node:module';const require=$createRequire(import.meta.url);",
    },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if ((await stateOfAddons(ADDON_FOLDER)) === 'stale') {
    console.warn(
      `build: ${ADDON_FOLDER} was built from other sources than native/ holds, and will not be loaded; run npm run setup`,
    );
  }
  await Promise.all([buildForTests(), buildForShipping()]);
}
