import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackedProgram, unpackProgram, whyNoDebianPackages } from './debian-packages.mjs';
import { firstExecutable, placesOnPath } from './executables.mjs';

/** Chromium without windows: what the tests of the status page want, and half of what the whole browser brings along. */
const PACKAGE = 'chromium-headless-shell';

/** Who has one installed by any of these names needs none of ours. */
const NAMES = [PACKAGE, 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** What it costs, for who waits. */
export const CHROMIUM_TITLE =
  "downloading Debian's Chromium for the tests (100 MB, 350 MB below ~/.cache/sidecert, once)";

/** The program: unpacked before, or on the PATH; `undefined` when there is none. */
export function findChromium(env = process.env) {
  return firstExecutable([unpackedProgram('chromium', env), ...placesOnPath(NAMES, env)]);
}

/** Why it is not fetched here; `undefined` when it is. */
export async function whyNoChromium(env = process.env) {
  if (env.ALLOW_NO_BROWSER === '1') return 'ALLOW_NO_BROWSER=1: Chromium is not downloaded';
  const reason = await whyNoDebianPackages(env);
  return reason === undefined ? undefined : `there is no Chromium on the PATH, and ${reason}`;
}

/**
 * Fetches it as packages of Debian, which replaces its Chromium every few weeks: one that is there stays good. Resolves with its path.
 * @throws SetupError with what went wrong.
 */
export function getChromium() {
  return unpackProgram({ name: 'chromium', packageName: PACKAGE, withLibraries: true, arrange: writeLauncher });
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
