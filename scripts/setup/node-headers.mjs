import { readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * The folder that holds `include/node` of the running Node (what node-gyp calls `--nodedir`), or undefined when its
 * headers were not installed with it. Distribution packages and tarballs have them beside the program.
 */
export async function findHeaders() {
  const prefixes = [dirname(dirname(await realpath(process.execPath))), process.config.variables.node_prefix];
  for (const prefix of prefixes) {
    if (typeof prefix === 'string' && (await majorOf(prefix)) === process.versions.node.split('.')[0]) return prefix;
  }
  return undefined;
}

async function majorOf(prefix) {
  const header = await readFile(join(prefix, 'include/node/node_version.h'), 'utf8').catch(() => '');
  return /^#define NODE_MAJOR_VERSION (\d+)$/m.exec(header)?.[1];
}
