import { mkdtemp, rmdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** Where those that find no place below HOME keep what they download. */
const OWN = resolve('.cache/home');

/** Who writes below HOME, where, and the variable that leads it elsewhere. pip, node-gyp and Go's compiler share the second. */
const CACHES = [
  { variable: 'npm_config_cache', place: '.npm' },
  { variable: 'XDG_CACHE_HOME', place: '.cache' },
  { variable: 'GOPATH', place: 'go' },
];

/**
 * What the environment lacks for npm, pip, node-gyp and Go to keep their downloads where a HOME cannot be written to, or is none: they
 * give up, with a reason that leads astray, and npm waits for ever where not even a folder can be made (as in /proc).
 * Resolves with `{ variables, reasons }`: a line for each of these.
 */
export async function cachesFor(env) {
  const home = env.HOME || homedir();
  const found = await Promise.all(
    CACHES.map(async ({ variable, place }) => {
      const wanted = env[variable] || join(home, place);
      const reason = await whyUnwritable(wanted);
      return { variable, wanted, own: join(OWN, place), reason };
    }),
  );
  const missing = found.filter(({ reason }) => reason !== undefined);
  const variables = Object.fromEntries(missing.map(({ variable, own }) => [variable, own]));
  // Else Go makes its folders read-only, and who removes .cache is refused.
  if (variables.GOPATH !== undefined) variables.GOFLAGS = `${env.GOFLAGS ?? ''} -modcacherw`.trim();
  return {
    variables,
    reasons: missing.map(
      ({ variable, wanted, own, reason }) =>
        `${wanted} cannot be written to: ${reason}; ${own} is used instead (${variable})`,
    ),
  };
}

/** Why nothing can be put into a folder, which need not be there yet, as the system says it. Permissions alone do not tell. */
async function whyUnwritable(folder) {
  let parent = resolve(folder);
  while (!(await isThere(parent)) && dirname(parent) !== parent) parent = dirname(parent);
  try {
    await rmdir(await mkdtemp(join(parent, '.sidecert-')));
    return undefined;
  } catch (error) {
    return error.message;
  }
}

function isThere(path) {
  return stat(path).then(
    () => true,
    (error) => error.code !== 'ENOENT',
  );
}
