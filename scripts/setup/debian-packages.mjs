import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { isExecutable } from './executables.mjs';
import { withLock } from './lock.mjs';
import { excerpt, run, SetupError } from './run.mjs';

/** 100 MB over a slow network. */
const LIMIT_MS = 1_800_000;

/** Where the program of this name is unpacked: once for all clones of this user. */
export function unpackedProgram(name, env) {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sidecert', name, name);
}

/** Why packages of Debian cannot be unpacked here; `undefined` when they can. */
export async function whyNoDebianPackages(env) {
  for (const program of ['apt-get', 'dpkg-deb']) {
    if ((await run(program, ['--version'], { env })).code !== 0) return `no ${program}`;
  }
  return undefined;
}

/**
 * Downloads a package, and with `withLibraries` those which it needs and this machine lacks, and unpacks them for this user: nothing is
 * installed, so it takes no root. Then `arrange`, given the new folder with `root` in it, makes of that the program of this name
 * (`unpackedProgram`), which appears there when it has said its version, or not at all. Resolves with its path.
 * @throws SetupError saying what apt or the program said.
 */
export async function unpackProgram({ name, packageName, withLibraries, arrange }) {
  const program = unpackedProgram(name, process.env);
  const folder = dirname(program);
  await mkdir(dirname(folder), { recursive: true });
  return withLock(
    `${folder}.lock`,
    () => {},
    async () => {
      if (await isExecutable(program)) return program;
      const work = await mkdtemp(`${folder}-`);
      try {
        await unpack(work, packageName, withLibraries ? missingPackages : async () => [packageName]);
        await arrange(work);
        await prove(join(work, name), packageName);
        await rm(folder, { recursive: true, force: true });
        await rename(work, folder);
        return program;
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    },
  );
}

/** One whose libraries are not all there is of no use. */
async function prove(program, packageName) {
  const { code, output } = await run(program, ['--version']);
  if (code !== 0) throw new SetupError(`the program of Debian's ${packageName} does not start:\n${excerpt(output)}`);
}

/** `plan` resolves with the packages to download, given options of apt. */
async function unpack(work, packageName, plan) {
  const downloads = join(work, 'downloads');
  await mkdir(downloads);
  const download = async (options) =>
    apt([...options, 'download', ...(await plan(packageName, options, work))], downloads);
  // With the lists of this machine; where they are old, or none, with new ones of our own.
  if ((await download([])).code !== 0) {
    const own = ['-o', `Dir::State::Lists=${join(work, 'lists')}`, '-o', `Dir::Cache=${join(work, 'apt')}`];
    await apt([...own, 'update'], work);
    const { code, output } = await download(own);
    if (code !== 0) throw new SetupError(`apt-get could not download ${packageName}:\n${excerpt(output)}`);
  }
  const root = join(work, 'root');
  for (const file of await readdir(downloads)) {
    const { code, output } = await run('dpkg-deb', ['--extract', join(downloads, file), root]);
    if (code !== 0) throw new SetupError(`${file} could not be unpacked:\n${excerpt(output)}`);
  }
  for (const name of ['downloads', 'lists', 'apt']) await rm(join(work, name), { recursive: true, force: true });
}

/** It and what it needs of what this machine lacks, each with its version; it alone when apt knows of none, and says so at the download. */
async function missingPackages(packageName, options, cwd) {
  const { output } = await apt([...options, 'install', '--simulate', '--no-install-recommends', packageName], cwd);
  const found = [...output.matchAll(/^Inst (\S+) \((\S+)/gm)].map(([, name, version]) => `${name}=${version}`);
  return found.length > 0 ? found : [packageName];
}

function apt(args, cwd) {
  // Its words are read: they must be English.
  return run('apt-get', ['--quiet', ...args], { cwd, env: { ...process.env, LC_ALL: 'C' }, timeoutMs: LIMIT_MS });
}
