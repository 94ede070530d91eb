// `npm run images`: the image of the program for amd64 and arm64 as one OCI layout, as the Dockerfile makes it, but without a container
// tool or a registry: Node.js comes from npm, what it links from Debian's packages. Made on Linux on x86-64. (--out FOLDER)
import { cp, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { buildAddons } from './build-native.mjs';
import { nodeFiles, PRODUCT, programFiles, put } from './kubernetes/images.mjs';
import { IMAGES } from './kubernetes/names.mjs';
import { OciArchive } from './kubernetes/oci-archive.mjs';
import { provenance } from './sbom.mjs';
import { addonRevision, SHIPPED_ADDON } from './setup/addon-revision.mjs';
import { getNode, imageNodeVersion, nodeBinary } from './setup/node-lines.mjs';
import { excerpt, run, SetupError } from './setup/run.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

/** The platforms, and where their libraries lie here: for the second in what Debian has for those who compile for it. */
const PLATFORMS = [
  {
    platform: { architecture: 'amd64', os: 'linux' },
    arch: 'x64',
    libraries: ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib64'],
    triplet: 'x86_64-linux-gnu',
  },
  {
    platform: { architecture: 'arm64', os: 'linux', variant: 'v8' },
    arch: 'arm64',
    libraries: ['/usr/aarch64-linux-gnu/lib'],
    triplet: 'aarch64-linux-gnu',
    package: 'g++-aarch64-linux-gnu',
  },
];

/** Writes the layout to the folder `out`, which appears whole or not at all. @throws SetupError saying what is missing. */
async function makeLayout(out) {
  const version = await imageNodeVersion();
  const work = await mkdtemp(join(tmpdir(), 'sidecert-images-'));
  try {
    const archive = new OciArchive(work);
    await archive.open();
    const variants = [];
    for (const one of PLATFORMS) {
      const nodeFolder = await getNode(version, one.arch);
      const node = nodeBinary(nodeFolder);
      const dist = join(work, `built-${one.arch}`, 'dist');
      await distFor(one, dist, nodeFolder);
      const layers = [
        await archive.layer(`node-${one.arch}`, (root) => nodeFiles(root, node, librariesInto(one))),
        await archive.layer(`program-${one.arch}`, (root) => programFiles(root, dist)),
      ];
      variants.push({ platform: one.platform, layers });
    }
    await archive.multiPlatformImage(IMAGES.sidecert, PRODUCT, variants);
    await rm(out, { recursive: true, force: true });
    await mkdir(join(out, '..'), { recursive: true });
    const layout = await archive.finish();
    await rename(layout, out).catch(() => cp(layout, out, { recursive: true }));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What was built, with the addon and the code caches of one platform. */
async function distFor({ arch, triplet }, dist, nodeFolder) {
  await cp('dist', dist, { recursive: true });
  await cp('LICENSE', join(dist, 'LICENSE'));
  const addons = join(dist, 'threads/prebuilds');
  if (arch === process.arch) {
    const recorder = pathToFileURL(resolve('scripts/code-cache.mjs'));
    const program = `await (await import('${recorder}')).makeCodeCaches()`;
    const args = ['--input-type=module', '--eval', program];
    const { code, output } = await run(nodeBinary(nodeFolder), args, { cwd: join(dist, '..') });
    if (code !== 0) throw new SetupError(`no code cache for the image:\n${excerpt(output)}`);
  } else {
    await rm(addons, { recursive: true, force: true });
    const addon = await crossAddon(arch, triplet, nodeFolder);
    if (addon !== undefined) await cp(join(addon, SHIPPED_ADDON), join(addons, `linux-${arch}`, SHIPPED_ADDON));
    // Only that machine's V8 can make these; without them a start takes longer.
    for (const name of await readdir(dist)) if (name.endsWith('.cache')) await rm(join(dist, name));
  }
  await writeFile(join(dist, 'provenance.json'), `${JSON.stringify(await provenance(dist), undefined, 2)}\n`);
}

/** The folder with the addon for another machine, compiled once for each state of its sources; none without a compiler for it. */
async function crossAddon(arch, triplet, nodedir) {
  const folder = resolve('.cache/cross', `${arch}-${await addonRevision()}`);
  const isThere = await stat(join(folder, SHIPPED_ADDON)).catch(() => undefined);
  if (isThere !== undefined) return folder;
  if ((await run(`${triplet}-g++`, ['--version'])).code !== 0) {
    console.warn(
      `images: no ${triplet}-g++: the image for ${arch} has no addon, and does its cryptography in JavaScript`,
    );
    return undefined;
  }
  console.log(`compiling the addon for ${arch} (a minute on two cores, once)`);
  const tool = (name) => `${triplet}-${name}`;
  const env = { ...process.env, CC: tool('gcc'), CXX: tool('g++'), AR: tool('ar'), npm_config_arch: arch };
  await buildAddons({ out: folder, nodedir, env });
  return folder;
}

/** Puts what a program links into a root, by the search of Debian's loader: /lib/TRIPLET, and the loader where it is asked for. */
function librariesInto({ arch, triplet, libraries, package: name }) {
  const found = async (library) => {
    for (const folder of libraries) {
      const path = join(folder, library);
      if ((await stat(path).catch(() => undefined)) !== undefined) return path;
    }
    const hint = name === undefined ? '' : `: apt-get install ${name}`;
    throw new SetupError(`${library} for ${arch} is not in ${libraries.join(', ')}${hint}`);
  };
  return async function putLinked(root, file) {
    const { code, output } = await run('readelf', ['--wide', '--dynamic', '--program-headers', file]);
    if (code !== 0) throw new SetupError(`readelf cannot read ${file}:\n${excerpt(output)}`);
    const loader = /program interpreter: (\/[^\]]+)\]/.exec(output)?.[1];
    if (loader !== undefined) await put(await found(basename(loader)), join(root, loader));
    for (const [, library] of output.matchAll(/\(NEEDED\)\s+Shared library: \[([^\]]+)\]/g)) {
      const to = join(root, 'lib', triplet, library);
      if ((await stat(to).catch(() => undefined)) !== undefined) continue;
      const from = await found(library);
      await put(from, to);
      await putLinked(root, from);
    }
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { out: { type: 'string', default: '.cache/images/sidecert' } } });
  try {
    if (process.platform !== 'linux' || process.arch !== 'x64') {
      throw new SetupError(`this is ${process.platform} on ${process.arch}: layouts are made on Linux on x86-64`);
    }
    await makeLayout(resolve(values.out));
    console.log(`written ${values.out}`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`images: ${error.message}`);
    process.exitCode = 1;
  }
}
