import { spawnSync } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { excerpt, run, SetupError } from './run.mjs';

/** The oldest line that `engines` of package.json lets in, and all that are not at their end, oldest first. */
export const NODE_VERSIONS = ['20.20.2', '22.23.5', '24.22.3', '26.12.1'];

const HOME = '.cache/nodes';

/** The program in the folder of a version. */
export const nodeBinary = (folder) => join(folder, 'bin/node');

/** The version that the image is built on. */
export async function imageNodeVersion() {
  const [, version] = /^ARG BUILD_IMAGE=node:(\d+\.\d+\.\d+)-/m.exec(await readFile('Dockerfile', 'utf8')) ?? [];
  if (version === undefined) throw new SetupError('Dockerfile: expected a line ARG BUILD_IMAGE=node:VERSION-...');
  return version;
}

/**
 * The folder with `bin/node` and `include/node` of a version for Linux, by npm: it knows them by their content. `arch` is as
 * `process.arch` says it; what is not this machine's is not run here.
 */
export async function getNode(version, arch = 'x64') {
  const prefix = join(HOME, arch === 'x64' ? version : `${version}-${arch}`);
  const name = `node-linux-${arch}`;
  const folder = resolve(prefix, 'node_modules', name);
  const isThere = arch === process.arch ? runsAs(version, folder) : await saysItIs(version, folder);
  if (isThere) return folder;
  await mkdir(prefix, { recursive: true });
  // npm refuses what is for another machine, unless it is forced.
  const forced = arch === process.arch ? [] : ['--force'];
  const install = ['install', '--prefix', prefix, '--no-save', '--ignore-scripts', ...forced, `${name}@${version}`];
  const { code, output } = await run('npm', install);
  if (code !== 0) throw new SetupError(`Node ${version} is not to be had:\n${excerpt(output)}`);
  return folder;
}

function runsAs(version, folder) {
  return spawnSync(nodeBinary(folder), ['--version'], { encoding: 'utf8' }).stdout?.trim() === `v${version}`;
}

async function saysItIs(version, folder) {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}');
  return JSON.parse(text).version === version;
}
