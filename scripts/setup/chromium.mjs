import { constants } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { withLock } from './lock.mjs';
import { excerpt, run, SetupError } from './run.mjs';

/** Chromium without windows: what the tests of the status page want, and half of what the whole browser brings along. */
const PACKAGE = 'chromium-headless-shell';

/** Who has one installed by any of these names needs none of ours. */
const NAMES = [PACKAGE, 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** 100 MB over a slow network. */
const LIMIT_MS = 1_800_000;

/** What it costs, for who waits. */
export const CHROMIUM_TITLE =
  "downloading Debian's Chromium for the tests (100 MB, 350 MB below ~/.cache/sidecert, once)";

/** Once for all clones of this user. Debian replaces its Chromium every few weeks: one that is there stays good. */
const folder = (env) => join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sidecert', 'chromium');

/** The program: unpacked before, or on the PATH; `undefined` when there is none. */
export async function findChromium(env = process.env) {
  const onPath = (env.PATH ?? '').split(delimiter).filter(Boolean);
  const candidates = [
    join(folder(env), 'chromium'),
    ...onPath.flatMap((path) => NAMES.map((name) => join(path, name))),
  ];
  for (const path of candidates) if (await isRunnable(path)) return path;
  return undefined;
}

/** Why it is not fetched here; `undefined` when it is. */
export async function whyNoChromium(env = process.env) {
  if (env.ALLOW_NO_BROWSER === '1') return 'ALLOW_NO_BROWSER=1: Chromium is not downloaded';
  for (const program of ['apt-get', 'dpkg-deb']) {
    if ((await run(program, ['--version'])).code !== 0) return `there is no Chromium on the PATH, and no ${program}`;
  }
  return undefined;
}

/**
 * Fetches it as packages of Debian, with the libraries that this machine lacks, and unpacks them for this user: nothing
 * is installed, so it takes no root. Resolves with the program. It appears whole or not at all.
 * @throws SetupError saying what apt said.
 */
export async function getChromium() {
  const path = folder(process.env);
  await mkdir(dirname(path), { recursive: true });
  return withLock(
    `${path}.lock`,
    () => {},
    async () => {
      const program = join(path, 'chromium');
      if (await isRunnable(program)) return program;
      const work = await mkdtemp(`${path}-`);
      try {
        await unpack(work);
        await rm(path, { recursive: true, force: true });
        await rename(work, path);
        await prove(program, path);
        return program;
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    },
  );
}

/** One whose libraries are not all there is of no use. */
async function prove(program, path) {
  const { code, output } = await run(program, ['--version']);
  if (code === 0) return;
  await rm(path, { recursive: true, force: true });
  throw new SetupError(`Debian's Chromium does not start:\n${excerpt(output)}`);
}

async function unpack(work) {
  const downloads = join(work, 'downloads');
  await mkdir(downloads);
  // With the lists of this machine; where they are old, or none, with new ones of our own.
  const whyNot = await download(downloads, []);
  if (whyNot !== undefined) {
    const own = ['-o', `Dir::State::Lists=${join(work, 'lists')}`, '-o', `Dir::Cache=${join(work, 'apt')}`];
    await apt([...own, 'update'], work);
    const stillNot = await download(downloads, own);
    if (stillNot !== undefined) throw new SetupError(`apt-get could not download ${PACKAGE}:\n${stillNot}`);
  }
  const root = join(work, 'root');
  for (const name of await readdir(downloads)) {
    const { code, output } = await run('dpkg-deb', ['--extract', join(downloads, name), root]);
    if (code !== 0) throw new SetupError(`${name} could not be unpacked:\n${excerpt(output)}`);
  }
  for (const name of ['downloads', 'lists', 'apt']) await rm(join(work, name), { recursive: true, force: true });
  await writeLauncher(work);
}

/** Resolves with what apt said, when it failed. */
async function download(directory, options) {
  const plan = await apt([...options, 'install', '--simulate', '--no-install-recommends', PACKAGE], directory);
  const wanted = [...plan.output.matchAll(/^Inst (\S+) \((\S+)/gm)].map(([, name, version]) => `${name}=${version}`);
  if (plan.code !== 0 || wanted.length === 0) return excerpt(plan.output);
  const { code, output } = await apt([...options, 'download', ...wanted], directory);
  return code === 0 ? undefined : excerpt(output);
}

function apt(args, cwd) {
  // Its words are read: they must be English.
  return run('apt-get', ['--quiet', ...args], { cwd, env: { ...process.env, LC_ALL: 'C' }, timeoutMs: LIMIT_MS });
}

/** Starts it with libraries from beside itself, and fonts too where this machine has none. */
async function writeLauncher(work) {
  const fonts = [
    '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">',
    '<fontconfig><dir prefix="relative">root/usr/share/fonts</dir><dir>/usr/share/fonts</dir>',
    '<cachedir prefix="xdg">fontconfig</cachedir>',
    ...['system-ui', 'sans-serif'].map((family) => aliasOf(family, 'DejaVu Sans')),
    ...['ui-monospace', 'monospace'].map((family) => aliasOf(family, 'DejaVu Sans Mono')),
    '</fontconfig>\n',
  ];
  await writeFile(join(work, 'fonts.conf'), fonts.join('\n'));
  const launcher = [
    '#!/bin/sh',
    'here=$(dirname "$(readlink -f "$0")")',
    // Some keep a part of themselves one folder deeper, by a path that is not ours.
    'for directory in "$here"/root/usr/lib/*-linux-gnu*/pulseaudio "$here"/root/usr/lib/*-linux-gnu* "$here"/root/lib/*-linux-gnu*; do',
    '  [ -d "$directory" ] && LD_LIBRARY_PATH="$directory:$LD_LIBRARY_PATH"',
    'done',
    'export LD_LIBRARY_PATH',
    '[ -f /etc/fonts/fonts.conf ] || export FONTCONFIG_FILE="$here/fonts.conf"',
    `exec "$here/root/usr/lib/chromium/${PACKAGE}" "$@"`,
    '',
  ];
  await writeFile(join(work, 'chromium'), launcher.join('\n'));
  await chmod(join(work, 'chromium'), 0o755);
}

function aliasOf(family, font) {
  return `<alias binding="same"><family>${family}</family><prefer><family>${font}</family></prefer></alias>`;
}

function isRunnable(path) {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
