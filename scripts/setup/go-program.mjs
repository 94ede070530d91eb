import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { excerpt, run, SetupError } from './run.mjs';

/**
 * Where the Go program `name` is kept once it is built; `version` says of which source.
 * @returns a path below the project.
 */
export function goProgramPath({ name, version }) {
  return resolve('.cache', name, version, name);
}

/** Why Go programs cannot be built here; `undefined` when they can. */
export async function whyNoGo() {
  return (await run('go', ['version'])).code === 0 ? undefined : 'Go is not on the PATH';
}

/**
 * Builds the program of the package `source` as the module in `module`, a folder, pins it. It appears whole or not at
 * all.
 * @throws SetupError saying what Go said.
 */
export async function buildGoProgram({ name, version, module, source, limitMs }) {
  const path = goProgramPath({ name, version });
  const directory = dirname(path);
  await mkdir(dirname(directory), { recursive: true });
  const work = await mkdtemp(`${directory}-`);
  try {
    const { code, output } = await run(
      'go',
      ['build', '-mod=readonly', '-ldflags=-s -w', '-o', join(work, name), source],
      {
        cwd: module,
        timeoutMs: limitMs,
      },
    );
    if (code !== 0) throw new SetupError(`Go could not build ${name} ${version}:\n${excerpt(output)}`);
    await rename(work, directory);
    return path;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
